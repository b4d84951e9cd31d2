"""Module docstring."""
import sys
def main(argv=None):
    print("main", argv, __name__)
    return 0
if __name__ == "__main__":
    try: sys.exit(main())
    except SystemExit as e: print("exit", e.code)
