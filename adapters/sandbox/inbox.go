package sandbox

import (
	"maps"
	"slices"
	"sync"
	"time"

	"loan310/app/clock"
)

// InboxMessage is one notification as the phone would get it.
type InboxMessage struct {
	Key      string            `json:"key"`
	Phone    string            `json:"phone"`
	Template string            `json:"template"`
	Language string            `json:"language"`
	Args     map[string]string `json:"args,omitempty"`
	At       time.Time         `json:"at"`
}

func (m InboxMessage) sameAs(other InboxMessage) bool {
	return m.Phone == other.Phone && m.Template == other.Template &&
		m.Language == other.Language && maps.Equal(m.Args, other.Args)
}

// inbox keeps what was sent to every phone, once per key.
type inbox struct {
	clock    clock.Clock
	mu       sync.Mutex
	messages []InboxMessage
	byKey    map[string]int
	journal  *journal
}

func openInbox(dir string, now clock.Clock) (*inbox, error) {
	box := &inbox{clock: now, byKey: map[string]int{}}
	var err error
	box.journal, err = openJournal(dir, "inbox.jsonl", box.put)
	return box, err
}

func (b *inbox) put(message InboxMessage) {
	b.byKey[message.Key] = len(b.messages)
	b.messages = append(b.messages, message)
}

// send delivers a message once per key; consistent is false when the key is
// known with other content.
func (b *inbox) send(message InboxMessage) (consistent bool, err error) {
	message.At = b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if at, known := b.byKey[message.Key]; known {
		return b.messages[at].sameAs(message), nil
	}
	if err := b.journal.append(message); err != nil {
		return false, err
	}
	b.put(message)
	return true, nil
}

func (b *inbox) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.journal.close()
}

// Inbox gives the messages to a phone, oldest first; all when phone is empty.
func (s *Server) Inbox(phone string) []InboxMessage {
	b := s.core.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.messages), func(m InboxMessage) bool {
		return phone != "" && m.Phone != phone
	})
}
