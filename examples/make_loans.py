"""Write the simulated loans of the examples into data/."""

from pathlib import Path

from gitmodelstore.demo.story import FILES, write_loans

if __name__ == "__main__":
    write_loans(Path("data"))
    print("wrote", ", ".join(f"data/{name}" for name in FILES))
