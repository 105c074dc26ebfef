package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// journal is an append-only JSONL file. Without a directory it keeps nothing.
// It is not synced to disk: it outlives the process, not the machine.
type journal struct{ file *os.File }

// openJournal replays dir/name and opens it for appending. A last line that
// was cut by a crash is ignored.
func openJournal[T any](dir, name string, replay func(T)) (*journal, error) {
	if dir == "" {
		return &journal{}, nil
	}
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	lines := bufio.NewScanner(bytes.NewReader(whole))
	lines.Buffer(nil, maxRequestBody)
	for lines.Scan() {
		var event T
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		replay(event)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	if err := file.Truncate(int64(len(whole))); err != nil {
		return nil, errors.Join(fmt.Errorf("mending %s: %w", name, err), file.Close())
	}
	return &journal{file: file}, nil
}

// append writes one event; the caller holds the lock of what it describes.
func (j *journal) append(event any) error {
	if j.file == nil {
		return nil
	}
	line, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("keeping an event: %w", err)
	}
	return nil
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}
