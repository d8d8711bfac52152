"""`python -m yibao`: the command line without the console script."""

from yibao.main import run

if __name__ == "__main__":
    run()
