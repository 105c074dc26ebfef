package sandbox

import (
	"net/http"
	"slices"
	"strings"

	"loan310/adapters/dossier"
)

// newIdentity checks people and accounts against the book
// (adapters/contract/identity.yaml).
func newIdentity(c *core) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/person-checks", c.signed(Identity, c.checkPerson))
	mux.HandleFunc("POST /v1/account-checks", c.signed(Identity, c.checkAccount))
	return mux
}

// matchAnswer is the body of every check's answer.
type matchAnswer struct {
	Match string `json:"match"` // matched, mismatched, no_record
}

func (c *core) checkPerson(w http.ResponseWriter, request *http.Request) {
	var asked struct {
		Name           string `json:"name"`
		IdentityNumber string `json:"identity_number"`
	}
	if !decode(w, request, &asked) {
		return
	}
	if asked.Name == "" || asked.IdentityNumber == "" {
		problem(w, http.StatusUnprocessableEntity, "question_incomplete")
		return
	}
	answer(w, http.StatusOK, matchIn(c.merchantsByPerson(asked.IdentityNumber), func(m dossier.Merchant) bool {
		return m.LegalRep == asked.Name
	}))
}

func (c *core) checkAccount(w http.ResponseWriter, request *http.Request) {
	var asked struct {
		Account        string `json:"account"`
		Holder         string `json:"holder"`
		IdentityNumber string `json:"identity_number"`
	}
	if !decode(w, request, &asked) {
		return
	}
	if asked.Account == "" || asked.Holder == "" {
		problem(w, http.StatusUnprocessableEntity, "question_incomplete")
		return
	}
	answer(w, http.StatusOK, matchIn(c.merchantsByAccount(asked.Account), func(m dossier.Merchant) bool {
		sameNumber := asked.IdentityNumber == "" || strings.EqualFold(asked.IdentityNumber, m.IdentityNumber)
		return sameNumber && holds(m, asked.Holder)
	}))
}

// holds tells whether an account of m may be held under that name: the
// business's own or its legal representative's.
func holds(m dossier.Merchant, holder string) bool {
	return holder != "" && (holder == m.LegalRep || holder == m.Name)
}

func matchIn(candidates []dossier.Merchant, fits func(dossier.Merchant) bool) matchAnswer {
	switch {
	case slices.ContainsFunc(candidates, fits):
		return matchAnswer{Match: "matched"}
	case len(candidates) > 0:
		return matchAnswer{Match: "mismatched"}
	default:
		return matchAnswer{Match: "no_record"}
	}
}
