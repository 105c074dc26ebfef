package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keys encrypt personal data (AES-256-GCM) and make blind indexes of it
// (HMAC-SHA-256), so that a row can be found by a value it does not show.
// They print as nothing.
type Keys struct {
	aead  tink.AEAD
	index *prf.Set
}

// String keeps keys out of logs.
func (Keys) String() string { return "[keys]" }

// GoString keeps keys out of logs.
func (Keys) GoString() string { return "[keys]" }

// keyFile is the operator's secret file.
type keyFile struct {
	Encryption json.RawMessage `json:"encryption"` // tink keyset, AEAD
	Index      json.RawMessage `json:"index"`      // tink keyset, PRF
}

// GenerateKeys makes a new key file. It holds secrets in clear: keep it
// readable by its owner only, apart from the database and its backups, and
// never lose it.
func GenerateKeys() ([]byte, error) {
	encryption, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("making the encryption key: %w", err)
	}
	index, err := keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("making the index key: %w", err)
	}
	var file keyFile
	if file.Encryption, err = clearText(encryption); err != nil {
		return nil, err
	}
	if file.Index, err = clearText(index); err != nil {
		return nil, err
	}
	return json.MarshalIndent(file, "", "  ")
}

func clearText(handle *keyset.Handle) (json.RawMessage, error) {
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return nil, fmt.Errorf("writing a key: %w", err)
	}
	return text.Bytes(), nil
}

// ErrKeyFile reports a key file that cannot be read.
var ErrKeyFile = errors.New("this is not a key file of loan310")

// ParseKeys reads a key file. The encryption keyset may hold older keys
// beside the primary one; the index keyset's primary key must never change.
func ParseKeys(text []byte) (Keys, error) {
	var file keyFile
	if err := json.Unmarshal(text, &file); err != nil || len(file.Encryption) == 0 || len(file.Index) == 0 {
		return Keys{}, ErrKeyFile
	}
	encryption, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file.Encryption)))
	if err != nil {
		return Keys{}, ErrKeyFile
	}
	index, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file.Index)))
	if err != nil {
		return Keys{}, ErrKeyFile
	}
	return NewKeys(encryption, index)
}

// NewKeys makes keys from two tink keysets: one of AEAD keys, one of PRF keys.
func NewKeys(encryption, index *keyset.Handle) (Keys, error) {
	cipher, err := aead.New(encryption)
	if err != nil {
		return Keys{}, fmt.Errorf("the encryption keyset: %w", err)
	}
	set, err := prf.NewPRFSet(index)
	if err != nil {
		return Keys{}, fmt.Errorf("the index keyset: %w", err)
	}
	return Keys{aead: cipher, index: set}, nil
}

// seal encrypts a value for one place; it opens nowhere else.
func (k Keys) seal(plain []byte, table, column, id string) ([]byte, error) {
	sealed, err := k.aead.Encrypt(plain, place(table, column, id))
	if err != nil {
		return nil, fmt.Errorf("encrypting %s.%s: %w", table, column, err)
	}
	return sealed, nil
}

// open decrypts a value sealed for this place.
func (k Keys) open(sealed []byte, table, column, id string) ([]byte, error) {
	plain, err := k.aead.Decrypt(sealed, place(table, column, id))
	if err != nil {
		return nil, fmt.Errorf("decrypting %s.%s: %w", table, column, err)
	}
	return plain, nil
}

func place(table, column, id string) []byte {
	return []byte(table + "\x00" + column + "\x00" + id)
}

// sealJSON encrypts a value as JSON.
func (k Keys) sealJSON(value any, table, column, id string) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encoding %s.%s: %w", table, column, err)
	}
	return k.seal(text, table, column, id)
}

// openJSON decrypts a value sealed with sealJSON.
func (k Keys) openJSON(sealed []byte, value any, table, column, id string) error {
	text, err := k.open(sealed, table, column, id)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("decoding %s.%s", table, column) // the cause may show personal data
	}
	return nil
}

// blind gives the index of a value of one kind: the same for the same value,
// meaning nothing without the key.
func (k Keys) blind(kind, value string) (string, error) {
	index, err := k.index.ComputePrimaryPRF([]byte(kind+"\x00"+value), 24)
	if err != nil {
		return "", fmt.Errorf("indexing a %s: %w", kind, err)
	}
	return base64.RawURLEncoding.EncodeToString(index), nil
}
