

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} ROWS.csv")
    for answer in predict(sys.argv[1]):
        print(answer)
