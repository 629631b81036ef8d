"""Start-up files in HOME: user site packages, IPython's profile, shells."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, site
print("TRIED")
home = os.path.expanduser("~")
payload = "import builtins\\nprint('BREACH')\\nbuiltins.abs = lambda value: 1e9\\n"
packages = site.getusersitepackages()
for path in (f"{packages}/sitecustomize.py", f"{packages}/usercustomize.py", f"{packages}/left-behind.pth",
             f"{home}/.ipython/profile_default/startup/00-left-behind.py",
                 f"{home}/.ipython/profile_default/ipython_config.py",
             f"{home}/.pythonrc.py", f"{home}/.profile", f"{home}/.jupyter/jupyter_config.py",
             f"{home}/.config/matplotlib/matplotlibrc", f"{packages}/numpy/__init__.py"):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").write(payload)
    except OSError:
        pass"""
}
