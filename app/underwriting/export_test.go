package underwriting

// Settled brings a row into the form it is read back in.
func Settled(row any) bool { return settled(row) }

// FreshTotal bounds the rows kept for decisions.
const FreshTotal = freshTotal

// Fresh keeps rows for decisions.
type Fresh = fresh

// NewFresh makes an empty one.
func NewFresh() *Fresh { return newFresh() }

// Keep remembers rows.
func (f *fresh) Keep(ref string, rows any, count int) { f.keep(ref, rows, count) }

// FreshOf gives kept rows.
func FreshOf[T any](f *Fresh, ref string) ([]T, bool) { return freshOf[T](f, ref) }

// Held tells how many rows and references are kept.
func (f *fresh) Held() (rows, references int) { return f.rows, len(f.order) }
