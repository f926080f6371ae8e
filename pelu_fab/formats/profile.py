"""A process profile as TOML, ready to be read again."""

from pelu_fab.ir.process import Process


def to_profile(process: Process) -> bytes:
    """process.toml: plain keys first, then one table a part, in the order of the schema."""
    lines = [f"name = {_text(process.name)}"]
    for table, values in process.model_dump(mode="json").items():
        if isinstance(values, dict):
            lines += ["", f"[{table}]", *(f"{_key(key)} = {_value(value)}" for key, value in values.items())]
    return ("\n".join(lines) + "\n").encode()


def _key(key: str) -> str:
    return key if key.replace("_", "").isalnum() else _text(key)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case list() | tuple():
            return "[" + ", ".join(_value(one) for one in value) + "]"
    return _text(str(value))


def _text(text: str) -> str:
    """A basic TOML string: quotes, backslashes and control characters escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
