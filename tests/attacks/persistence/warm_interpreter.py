"""What the next student's interpreter would inherit is altered: modules, builtins, caches, numpy's settings."""

SHOWS = "tried"
CELLS = {
    "primes": """import builtins, codecs, gc, locale, os, random, signal, sys, warnings
print("TRIED")
np.seterr(all="raise")
np.set_printoptions(precision=1)
pd.options.display.max_rows = 1
random.seed(1)
sys.setrecursionlimit(60)
sys.dont_write_bytecode = True
gc.disable()
os.umask(0o777)
builtins.left_behind = True
sys.path.insert(0, "/tmp")
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))"""
}
