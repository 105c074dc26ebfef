package bankrail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loan310/app/drawdown"
	"loan310/app/money"
)

// settleFor is how long a file that cannot be read is left in the inbox: it
// may still be arriving.
const settleFor = 10 * time.Minute

// said is what a report says of a payout.
type said string

const (
	saidPending  said = "pending"
	saidPaid     said = "paid"
	saidFailed   said = "failed"
	saidReturned said = "returned"
)

// report is one word of the bank on one payout.
type report struct {
	Key    string       `json:"key"`
	Kind   said         `json:"kind"`
	Code   string       `json:"code,omitempty"`
	Ref    string       `json:"ref,omitempty"`
	Amount money.Amount `json:"amount_fen,omitempty"` // 0 = not named
	At     time.Time    `json:"at"`
}

// read takes in every whole file of the inbox. It may be interrupted anywhere
// and run beside others: a record is written under the hash of its content,
// and a file is moved away only after all of its records are.
func (r *Rail) read(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	entries, err := os.ReadDir(r.inbox())
	if err != nil {
		return folderFault(err)
	}
	for _, entry := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if err := r.take(filepath.Join(r.inbox(), entry.Name()), entry.Name()); err != nil {
			return folderFault(err)
		}
	}
	return nil
}

// take reads one file twice: to the end first, so that a file that is cut has
// no effect, then for its records.
func (r *Rail) take(path, name string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process was quicker
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // read only
	hash := sha256.New()
	whole, err := scan(io.TeeReader(file, hash), func(report) error { return nil }, nil)
	if errors.Is(err, errForeign) {
		r.options.Logger.Warn("a file in the bank's inbox is no report", slog.String("file", name))
		return move(path, r.foreign(), r.stamped(name))
	}
	if err != nil {
		return r.unreadable(file, path, name, err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := scan(file, r.store, nil); err != nil {
		return err
	}
	short := hex.EncodeToString(hash.Sum(nil)[:8])
	if whole.kind == "camt.053" {
		return move(path, r.statements(), fmt.Sprintf("%s-%012d-%s.xml", whole.day, whole.sequence, short))
	}
	return move(path, r.done(), short+"-"+name)
}

// unreadable leaves a file that may still be arriving and puts an old one
// aside.
func (r *Rail) unreadable(file *os.File, path, name string, cause error) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if r.options.Clock().Sub(info.ModTime()) < settleFor {
		return nil
	}
	r.options.Logger.Warn("a report of the bank is cut or broken", slog.String("file", name), slog.Any("error", cause))
	return move(path, r.bad(), r.stamped(name))
}

func (r *Rail) stamped(name string) string {
	return fmt.Sprintf("%d-%s", r.options.Clock().UnixNano(), name)
}

// store keeps one record under the hash of its content. A reference that
// cannot be ours is kept nowhere: reconciliation finds its money.
func (r *Rail) store(word report) error {
	if !usableKey(word.Key) {
		return nil
	}
	if !exists(filepath.Join(r.of(word.Key), "sent")) {
		r.options.Logger.Warn("the bank reports on a reference that never left", slog.String("reference", word.Key))
	}
	text, err := json.Marshal(word)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	name := string(word.Kind) + "-" + hex.EncodeToString(sum[:8]) + ".json"
	if exists(filepath.Join(r.of(word.Key), name)) {
		return nil // known, and told of if it was a return
	}
	if word.Kind == saidReturned { // first, so that it is told of at least once
		if err := writeOnce(r.returns(), word.Key+"-"+name, text); err != nil {
			return err
		}
	}
	return writeOnce(r.of(word.Key), name, text)
}

// said gives every record of a payout.
func (r *Rail) said(key string) ([]report, error) {
	names, err := filepath.Glob(filepath.Join(r.of(key), "*.json"))
	if err != nil {
		return nil, folderFault(err)
	}
	words := make([]report, 0, len(names))
	for _, name := range names {
		word, err := readReport(name)
		if err != nil {
			return nil, folderFault(err)
		}
		words = append(words, word)
	}
	return words, nil
}

func readReport(path string) (report, error) {
	var word report
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &word)
	}
	return word, err
}

// Returns gives the payouts that came back and were not acknowledged.
func (r *Rail) Returns(ctx context.Context, limit int) ([]drawdown.Return, error) {
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(r.returns(), "*.json"))
	if err != nil {
		return nil, folderFault(err)
	}
	found := make([]drawdown.Return, 0, min(len(names), limit))
	for _, name := range names[:min(len(names), limit)] {
		word, err := readReport(name)
		if err != nil {
			return nil, folderFault(err)
		}
		found = append(found, drawdown.Return{Key: word.Key, Amount: word.Amount, Code: word.Code, At: word.At})
	}
	return found, nil
}

// Acknowledge takes a return off the list; its record stays.
func (r *Rail) Acknowledge(_ context.Context, back drawdown.Return) error {
	if !usableKey(back.Key) {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(r.returns(), back.Key+"-*.json"))
	for _, name := range names {
		if gone := os.Remove(name); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
