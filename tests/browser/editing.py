"""Fields of JSON as people edit them."""

from __future__ import annotations

from typing import Any


def editor_of(page: Any, field: str) -> Any:
    """Return the editor of a field, once it is there: it is built when somebody comes to see it.

    Args:
        field: selector of the textarea that is posted.
    """
    page.locator(field).wait_for(state="attached")
    page.evaluate("field => document.querySelector(field).scrollIntoView()", field)
    editor = page.locator(f"{field}_jsoneditor")
    editor.locator(".cfg-form:visible, .cm-content:visible").first.wait_for()
    return editor


def code_of(editor: Any) -> Any:
    """Switch to the code and return what is typed into."""
    content = editor.locator(".cm-content")
    if not content.is_visible():
        editor.get_by_role("button", name="Edit the JSON itself").click()
    content.wait_for()
    return content


def write(page: Any, field: str, text: str) -> None:
    """Replace what a field holds by typing into its code."""
    code = code_of(editor_of(page, field))
    code.press("Control+a")
    page.keyboard.insert_text(text)
    assert page.input_value(field) == text
