package sandbox

import (
	"iter"
	"sync"
)

// maxResumes is how many half-read histories are kept for their next page.
const maxResumes = 64

// walk is a history being read: rows come from next, after ahead, the row that
// was read to see that there is one.
type walk[T any] struct {
	ahead *T
	next  func() (*T, error, bool)
	stop  func()
}

func newWalk[T any](rows iter.Seq2[*T, error]) *walk[T] {
	next, stop := iter.Pull2(rows)
	return &walk[T]{next: next, stop: stop}
}

// row gives the next row, valid until the next call; false at the end.
func (w *walk[T]) row() (*T, bool, error) {
	if row := w.ahead; row != nil {
		w.ahead = nil
		return row, true, nil
	}
	row, err, more := w.next()
	return row, more, err
}

// keepAhead puts a row back.
func (w *walk[T]) keepAhead(row *T) {
	kept := *row
	w.ahead = &kept
}

// resumes keeps half-read histories, so that a book that computes its rows
// does not compute them again for every page. A walk that is not there any
// more is no loss: the page is then read from the start.
type resumes[T any] struct {
	core *core

	mu     sync.Mutex
	closed bool
	walks  map[string]*walk[T]
	order  []string // oldest first
	ending sync.Once
}

func newResumes[T any](c *core) *resumes[T] {
	return &resumes[T]{core: c, walks: map[string]*walk[T]{}}
}

// take hands over the walk kept under a key, nil when there is none.
func (r *resumes[T]) take(key string) *walk[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.walks[key]
	delete(r.walks, key)
	return found
}

// keep keeps a walk for its next page; called within a request.
func (r *resumes[T]) keep(key string, kept *walk[T]) {
	r.ending.Do(func() {
		r.core.active.Go(func() { // one more beside the request under way
			<-r.core.done
			r.stopAll()
		})
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.walks[key]; taken || r.closed {
		kept.stop()
		return
	}
	r.walks[key] = kept
	r.order = append(r.order, key)
	for len(r.order) > maxResumes {
		if oldest, ok := r.walks[r.order[0]]; ok {
			oldest.stop()
			delete(r.walks, r.order[0])
		}
		r.order = r.order[1:]
	}
}

func (r *resumes[T]) stopAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for key, kept := range r.walks {
		kept.stop()
		delete(r.walks, key)
	}
}
