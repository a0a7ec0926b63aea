/* Preloaded into a process: its clock is ahead of the true one by the seconds in a file. Steady clocks stay as they are.
   Written without headers, so that a compiler is all it takes. */

typedef long long seconds;
struct moment { long seconds, fraction; };

extern char *getenv(const char *);
extern int open(const char *, int, ...);
extern int close(int);
extern void *mmap(void *, unsigned long, int, int, int, long);
extern void *dlsym(void *, const char *);

static volatile seconds *ahead;

static seconds shift(void)
{
    if (!ahead) {
        const char *path = getenv("CLOCK_FILE");
        int file = path ? open(path, 0) : -1;
        void *page;
        if (file < 0)
            return 0;
        page = mmap(0, sizeof(seconds), 1 /* PROT_READ */, 1 /* MAP_SHARED */, file, 0);
        close(file);
        if (page == (void *)-1)
            return 0;
        ahead = page;
    }
    return *ahead;
}

int clock_gettime(int clock, struct moment *now)
{
    static int (*real)(int, struct moment *);
    int result;
    if (!real)
        real = dlsym((void *)-1 /* RTLD_NEXT */, "clock_gettime");
    result = real(clock, now);
    if (result == 0 && (clock == 0 /* CLOCK_REALTIME */ || clock == 5 /* CLOCK_REALTIME_COARSE */))
        now->seconds += shift();
    return result;
}

int gettimeofday(struct moment *now, void *zone)
{
    int result = clock_gettime(0, now);
    now->fraction /= 1000;
    return result;
}

long time(long *where)
{
    struct moment now;
    clock_gettime(0, &now);
    if (where)
        *where = now.seconds;
    return now.seconds;
}
