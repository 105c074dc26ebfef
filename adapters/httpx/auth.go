package httpx

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"loan310/app/clock"
)

// Headers of the HMAC scheme.
const (
	HeaderKeyID     = "X-Key-Id"
	HeaderTimestamp = "X-Timestamp"
	HeaderSignature = "X-Signature"
)

// Bearer sends a token in the Authorization header.
func Bearer(token string) Authorizer {
	return func(request *http.Request, _ []byte) error {
		request.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}

// HMAC signs requests with a shared key (see Signature). The timestamp bounds
// how long a recorded request can be replayed.
func HMAC(keyID, key string, now clock.Clock) Authorizer {
	return func(request *http.Request, body []byte) error {
		timestamp := strconv.FormatInt(now().Unix(), 10)
		request.Header.Set(HeaderKeyID, keyID)
		request.Header.Set(HeaderTimestamp, timestamp)
		request.Header.Set(HeaderSignature, Signature(key, request.Method, request.URL.RequestURI(), timestamp, body))
		return nil
	}
}

// Signature is the lower-case hex HMAC-SHA256 under key of four lines: method,
// path with query, Unix timestamp, lower-case hex SHA-256 of the body.
func Signature(key, method, requestURI, timestamp string, body []byte) string {
	sum := sha256.Sum256(body)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(strings.Join([]string{method, requestURI, timestamp, hex.EncodeToString(sum[:])}, "\n")))
	return hex.EncodeToString(mac.Sum(nil))
}
