"""An app as a user would write it: its receivers write down every signal, wherever the process is."""
