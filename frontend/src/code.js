// The code editor: loaded when somebody asks for it.
import {
  acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, snippet, startCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, linter } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import {
  Decoration, EditorView, MatchDecorator, ViewPlugin, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap,
  lineNumbers,
} from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

const variables = new MatchDecorator({ regexp: /\{\{[^}\n]*\}\}/g, decoration: Decoration.mark({ class: "cfg-token-variable" }) });
const highlightVariables = ViewPlugin.fromClass(class {
  constructor(view) {
    this.decorations = variables.createDeco(view);
  }

  update(update) {
    this.decorations = variables.updateDeco(update, this.decorations);
  }
}, { decorations: (plugin) => plugin.decorations });

/**
 * Put a code editor into an element.
 * @param {{parent: HTMLElement, text: string, label: string, change: (text: string) => void,
 *   problems: (text: string) => {from: number, to: number, severity: string, message: string}[],
 *   complete: (text: string, offset: number) => object}} use
 */
export function createCode({ parent, text, label, change, problems, complete }) {
  const extensions = [
    lineNumbers(), highlightActiveLineGutter(), foldGutter(), lintGutter(), history(), drawSelection(), indentOnInput(),
    indentUnit.of("    "), bracketMatching(), closeBrackets(), highlightActiveLine(), highlightSelectionMatches(),
    search({ top: true }), EditorView.lineWrapping, json(), syntaxHighlighting(classHighlighter), highlightVariables,
    autocompletion({ override: [completions(complete)], activateOnTypingDelay: 50, icons: false, interactionDelay: 0 }),
    linter((view) => problems(view.state.doc.toString()), { delay: 300 }),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap,
      ...lintKeymap, { key: "Tab", run: acceptCompletion }]),
    EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
    EditorView.updateListener.of((update) => update.docChanged && change(update.state.doc.toString())),
  ];
  const view = new EditorView({ parent, state: EditorState.create({ doc: text, extensions }) });
  return {
    focus: () => view.focus(),
    destroy: () => view.destroy(),
    put(next) {
      if (next !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    go(offset) {
      const at = Math.min(offset, view.state.doc.length);
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
      view.focus();
    },
  };
}

function completions(complete) {
  return (context) => {
    const before = context.matchBefore(/["\w{.-]+\s?$/);
    if (!context.explicit && !before) return null;
    const found = complete(context.state.doc.toString(), context.pos);
    if (!found.options.length) return null;
    return { from: found.from, options: found.options.map((option) => applied(option, found.after)) };
  };
}

function applied({ snippet: template, apply, ...option }, after) {
  const plain = (apply ?? option.label).replace(/[\\{}$]/g, "\\$&");
  return {
    ...option,
    apply(view, completion, from, to) {
      snippet(template ?? plain)(view, completion, from, Math.min(to + after, view.state.doc.length));
      if (template) startCompletion(view);
    },
  };
}
