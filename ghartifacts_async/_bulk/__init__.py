"""Operations on many artifacts: downloading, deleting, pruning and mirroring."""
