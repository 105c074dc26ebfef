package scorecards

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// output is a file that appears under its name only when it is whole: written
// beside it, then renamed.
type output struct {
	path   string
	file   *os.File
	zipped *gzip.Writer
	buffer *bufio.Writer
}

// create starts an output; gzip when the name ends in .gz.
func create(path string) (*output, error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	out := &output{path: path, file: file}
	var below io.Writer = file
	if strings.HasSuffix(path, ".gz") {
		out.zipped = gzip.NewWriter(file)
		below = out.zipped
	}
	out.buffer = bufio.NewWriterSize(below, 1<<18)
	return out, nil
}

// Write takes bytes of the file.
func (o *output) Write(p []byte) (int, error) { return o.buffer.Write(p) }

// commit puts the file under its name.
func (o *output) commit() error {
	err := o.buffer.Flush()
	if o.zipped != nil {
		err = errors.Join(err, o.zipped.Close())
	}
	err = errors.Join(err, o.file.Chmod(0o644), o.file.Close())
	if err == nil {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", o.path, err), os.Remove(o.file.Name()))
	}
	return nil
}

// drop forgets the file; after commit it does nothing.
func (o *output) drop() {
	_ = o.file.Close()
	_ = os.Remove(o.file.Name()) // renamed away or dropped: either is well
}

// WriteFile puts a small file under its name, wholly or not at all.
func WriteFile(path string, body []byte) error {
	out, err := create(path)
	if err != nil {
		return err
	}
	defer out.drop()
	if _, err := out.Write(body); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return out.commit()
}
