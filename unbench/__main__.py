"""`python -m unbench` is `unbench`."""

from unbench.cli import main

if __name__ == "__main__":
    main()
