"""What is measured by default: see `benchmarks.downloads`."""

from benchmarks.downloads import main

if __name__ == "__main__":
    main()
