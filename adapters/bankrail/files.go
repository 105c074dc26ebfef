package bankrail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writeSynced writes a file and syncs it, in the place of what was there.
func writeSynced(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("bankrail: %w", err)
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// writeOnce stores a record under a name that tells its content: written
// whole or not at all, and a second time nothing.
func writeOnce(dir, name string, text []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("bankrail: %w", err)
	}
	path := filepath.Join(dir, name)
	if exists(path) {
		return nil
	}
	temp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("bankrail: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone once renamed
	_, err = temp.Write(text)
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("bankrail: %w", err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("bankrail: %w", err)
	}
	return syncDir(dir)
}

// syncDir makes a rename outlive a power failure.
func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("bankrail: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// move takes a file away under a name nobody has; one that is gone was taken
// by another process.
func move(from, dir, name string) error {
	err := os.Rename(from, filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
