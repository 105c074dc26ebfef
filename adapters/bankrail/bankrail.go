// Package bankrail is the drawdown.Rail over a bank that takes ISO 20022
// files: pain.001.001.09 in a watched outbox folder, pain.002, camt.054 and
// camt.053 from an inbox folder. The one rule: a payout is one file, named,
// numbered (MsgId) and referenced (EndToEndId) by our key, and once it has
// left it is never written again; only the bank's reports say what became of
// it.
package bankrail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
)

// Codes of answers that settle nothing.
const (
	CodeInstruction   fault.Code = "payout_instruction_unusable"
	CodeInconsistent  fault.Code = "payout_reference_reused"
	CodeContradiction fault.Code = "bank_contradicts_itself"
	CodeFolder        fault.Code = "bank_folder_unusable"
)

// Debtor is our account at the bank.
type Debtor struct {
	Name           string
	Account        string
	ClearingSystem string // such as CNAPS
	ClearingMember string // the bank's number in it
}

// Options configure the rail.
type Options struct {
	// Dir holds outbox, inbox and state; all on one file system. Required.
	Dir    string
	Debtor Debtor
	Clock  clock.Clock  // required
	Logger *slog.Logger // nil = nobody hears of unusable files
}

// Rail pays by files. It is safe for concurrent use, by several processes
// too: every record it keeps is a file of its own, written once.
type Rail struct {
	options Options
	reading sync.Mutex // one reader of the inbox per process
}

var (
	_ drawdown.Rail     = (*Rail)(nil)
	_ drawdown.Returner = (*Rail)(nil)
)

// New makes the folders.
func New(options Options) (*Rail, error) {
	if options.Dir == "" || options.Clock == nil {
		return nil, errors.New("bankrail: folder or clock is missing")
	}
	if options.Debtor.Name == "" || options.Debtor.Account == "" || len(options.Debtor.Account) > maxAccount || options.Debtor.ClearingMember == "" {
		return nil, errors.New("bankrail: the debtor needs a name, an account of at most 34 characters and the bank's clearing number")
	}
	if options.Debtor.ClearingSystem == "" {
		options.Debtor.ClearingSystem = "CNAPS"
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Rail{options: options}
	for _, dir := range []string{r.outbox(), r.inbox(), r.done(), r.foreign(), r.bad(), r.statements(), r.returns()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("bankrail: %w", err)
		}
	}
	return r, nil
}

func (r *Rail) outbox() string     { return filepath.Join(r.options.Dir, "outbox") }
func (r *Rail) inbox() string      { return filepath.Join(r.options.Dir, "inbox") }
func (r *Rail) done() string       { return filepath.Join(r.options.Dir, "state", "done") }
func (r *Rail) foreign() string    { return filepath.Join(r.options.Dir, "state", "foreign") }
func (r *Rail) bad() string        { return filepath.Join(r.options.Dir, "state", "bad") }
func (r *Rail) statements() string { return filepath.Join(r.options.Dir, "state", "statements") }
func (r *Rail) returns() string    { return filepath.Join(r.options.Dir, "state", "returns") }

// of is the folder of one payout's records, spread over many parents.
func (r *Rail) of(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(r.options.Dir, "state", "payouts", hex.EncodeToString(sum[:1]), key)
}

// part is the payout's file until it leaves by being renamed.
func (r *Rail) part(key string) string { return filepath.Join(r.outbox(), "."+key+".part") }

// usableKey tells whether a reference can name files: ours always can.
func usableKey(key string) bool {
	return regexp.MustCompile(`^[0-9A-Za-z]{1,35}$`).MatchString(key)
}

// Pay puts the payout's file into the outbox, once. The file leaves by one
// rename; before it, a marker says that it may have. An error for which
// errors.Is finds drawdown.ErrNotSent means that it surely did not.
func (r *Rail) Pay(_ context.Context, told drawdown.Instruction) (drawdown.Receipt, error) {
	if !usableKey(told.Key) || told.Amount <= 0 || told.Account == "" || len(told.Account) > maxAccount || told.Holder == "" {
		return drawdown.Receipt{}, notSent(fault.New(fault.Invalid, CodeInstruction, "bankrail: reference, amount, account and holder are needed"))
	}
	content := contentHash(told)
	marked, err := os.ReadFile(filepath.Join(r.of(told.Key), "sent"))
	switch {
	case err == nil && string(marked) != content:
		return drawdown.Receipt{}, fault.New(fault.Unavailable, CodeInconsistent, "bankrail: the reference was used with other content")
	case err == nil && !exists(r.part(told.Key)):
		return drawdown.Receipt{State: drawdown.RailPending, At: r.options.Clock()}, nil // it left before
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return drawdown.Receipt{}, folderFault(err)
	}
	text, err := r.encode(told, r.options.Clock())
	if err != nil {
		return drawdown.Receipt{}, notSent(err)
	}
	if err := writeSynced(r.part(told.Key), text); err != nil {
		return drawdown.Receipt{}, notSent(err)
	}
	if err := writeOnce(r.of(told.Key), "sent", []byte(content)); err != nil {
		return drawdown.Receipt{}, notSent(err)
	}
	if err := os.Rename(r.part(told.Key), filepath.Join(r.outbox(), told.Key+".xml")); err != nil {
		return drawdown.Receipt{}, notSent(err)
	}
	if err := syncDir(r.outbox()); err != nil {
		return drawdown.Receipt{}, folderFault(err)
	}
	return drawdown.Receipt{State: drawdown.RailPending, At: r.options.Clock()}, nil
}

// contentHash binds what is paid to its reference.
func contentHash(told drawdown.Instruction) string {
	sum := sha256.Sum256([]byte(told.Key + "\x00" + told.Amount.String() + "\x00" + told.Account + "\x00" + told.Holder))
	return hex.EncodeToString(sum[:])
}

// Query reads the bank's reports and gives what they say of a reference.
// RailNoRecord means that its file never left.
func (r *Rail) Query(ctx context.Context, key string) (drawdown.Receipt, error) {
	if !usableKey(key) {
		return drawdown.Receipt{}, fault.New(fault.Invalid, CodeInstruction, "bankrail: a reference is needed")
	}
	if err := r.read(ctx); err != nil {
		return drawdown.Receipt{}, err
	}
	said, err := r.said(key)
	if err != nil {
		return drawdown.Receipt{}, err
	}
	receipt, err := fold(said)
	if err != nil || receipt.State != drawdown.RailPending {
		return receipt, err
	}
	if !exists(filepath.Join(r.of(key), "sent")) || exists(r.part(key)) {
		return drawdown.Receipt{State: drawdown.RailNoRecord, At: r.options.Clock()}, nil
	}
	return drawdown.Receipt{State: drawdown.RailPending, At: r.options.Clock()}, nil
}

// fold gives what all reports of one payout come to, in whatever order they
// came. A rejection beside a payment contradicts itself and settles nothing.
func fold(said []report) (drawdown.Receipt, error) {
	var paid, failed, returned *report
	for i := range said {
		switch said[i].Kind {
		case saidPaid:
			paid = &said[i]
		case saidFailed:
			failed = &said[i]
		case saidReturned:
			returned = &said[i]
		}
	}
	switch {
	case failed != nil && (paid != nil || returned != nil):
		return drawdown.Receipt{}, fault.New(fault.Unavailable, CodeContradiction, "bankrail: the bank says both paid and rejected")
	case returned != nil:
		return drawdown.Receipt{State: drawdown.RailReturned, Ref: returned.Ref, Code: returned.Code, At: returned.At}, nil
	case paid != nil:
		return drawdown.Receipt{State: drawdown.RailPaid, Ref: paid.Ref, At: paid.At}, nil
	case failed != nil:
		return drawdown.Receipt{State: drawdown.RailFailed, Ref: failed.Ref, Code: failed.Code, At: failed.At}, nil
	default:
		return drawdown.Receipt{State: drawdown.RailPending}, nil
	}
}

func notSent(err error) error { return fmt.Errorf("%w: %w", drawdown.ErrNotSent, err) }

func folderFault(err error) error {
	return fault.New(fault.Unavailable, CodeFolder, "bankrail: the folder cannot be used").Wrap(err)
}
