package stack

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"loan310/workflows"
)

// generatePayloadKeys makes the keyset that seals workflow payloads. It is
// apart from the data's keys: who may see workflows is not who may read the
// database.
func generatePayloadKeys() (json.RawMessage, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate payload keys: %w", err)
	}
	var body bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&body)); err != nil {
		return nil, fmt.Errorf("write payload keys: %w", err)
	}
	return body.Bytes(), nil
}

// payloadCipher reads the keyset. Old keys in it still open what they sealed.
func payloadCipher(text json.RawMessage) (workflows.Cipher, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, fmt.Errorf("read payload keys: %w", err)
	}
	cipher, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("read payload keys: %w", err)
	}
	return cipher, nil
}
