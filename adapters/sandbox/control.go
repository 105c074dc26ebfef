package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// newControl is the API that steers and inspects the sandbox (docs/sandbox.md).
// It has no credentials: it belongs on a loopback or test network only.
func newControl(s *Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control/providers", s.controlProviders)
	mux.HandleFunc("GET /control/faults", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.Faults())
	})
	mux.HandleFunc("PUT /control/faults/{kind}", s.controlPutFaults)
	mux.HandleFunc("DELETE /control/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults("")
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /control/faults/{kind}", func(w http.ResponseWriter, request *http.Request) {
		s.ClearFaults(request.PathValue("kind"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /control/profiles/{name}", s.controlProfile)
	mux.HandleFunc("GET /control/rail/book", func(w http.ResponseWriter, _ *http.Request) {
		entries, err := s.RailBook()
		controlAnswer(w, entries, err)
	})
	mux.HandleFunc("GET /control/rail/summary", func(w http.ResponseWriter, _ *http.Request) {
		sum, err := s.RailSummary()
		controlAnswer(w, sum, err)
	})
	mux.HandleFunc("GET /control/rail/trades", func(w http.ResponseWriter, _ *http.Request) {
		entries, err := s.TradeBook()
		controlAnswer(w, entries, err)
	})
	mux.HandleFunc("GET /control/rail/trades/summary", func(w http.ResponseWriter, _ *http.Request) {
		sum, err := s.TradeSummary()
		controlAnswer(w, sum, err)
	})
	mux.HandleFunc("PUT /control/rail/accounts/{number}", func(w http.ResponseWriter, request *http.Request) {
		var account PayerAccount
		if decodeStrict(w, request, &account) {
			s.SetPayer(request.PathValue("number"), account)
			answer(w, http.StatusOK, account)
		}
	})
	mux.HandleFunc("GET /control/inbox", func(w http.ResponseWriter, request *http.Request) {
		messages := s.Inbox(request.URL.Query().Get("phone"))
		if messages == nil {
			messages = []InboxMessage{}
		}
		answer(w, http.StatusOK, messages)
	})
	mux.HandleFunc("POST /control/rail/refunds/{out_biz_no}", func(w http.ResponseWriter, request *http.Request) {
		if err := s.RefundTransfer(request.PathValue("out_biz_no")); err != nil {
			controlRefuse(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	s.controlBank(mux)
	return mux
}

// ProviderInfo is one provider as the control API lists it.
type ProviderInfo struct {
	Kind     string `json:"kind"`
	URL      string `json:"url"`
	Requests int64  `json:"requests"`
}

func (s *Server) controlProviders(w http.ResponseWriter, _ *http.Request) {
	urls := s.URLs()
	list := make([]ProviderInfo, 0, len(urls))
	for _, kind := range Kinds() {
		list = append(list, ProviderInfo{Kind: kind, URL: urls[kind], Requests: s.Requests(kind)})
	}
	answer(w, http.StatusOK, list)
}

func (s *Server) controlPutFaults(w http.ResponseWriter, request *http.Request) {
	var faults Faults
	if !decodeStrict(w, request, &faults) {
		return
	}
	if err := s.SetFaults(request.PathValue("kind"), faults); err != nil {
		controlRefuse(w, err)
		return
	}
	answer(w, http.StatusOK, faults)
}

func (s *Server) controlProfile(w http.ResponseWriter, request *http.Request) {
	var body struct {
		StepMS int `json:"step_ms"`
	}
	if !decodeStrict(w, request, &body) {
		return
	}
	if err := s.UseProfile(request.PathValue("name"), time.Duration(body.StepMS)*time.Millisecond); err != nil {
		controlRefuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// decodeStrict refuses unknown fields, so that a misspelt fault is noticed. An
// empty body leaves out as it is.
func decodeStrict(w http.ResponseWriter, request *http.Request, out any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, request.Body, maxRequestBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(out); err != nil && !errors.Is(err, io.EOF) {
		controlRefuse(w, err)
		return false
	}
	return true
}

func controlAnswer(w http.ResponseWriter, body any, err error) {
	if err != nil {
		problem(w, http.StatusInternalServerError, "book_not_kept")
		return
	}
	answer(w, http.StatusOK, body)
}

func controlRefuse(w http.ResponseWriter, err error) {
	answer(w, http.StatusUnprocessableEntity, map[string]string{"code": "invalid", "message": err.Error()})
}

// SetFaults replaces a provider's faults and restarts its draws; they take
// precedence over a profile. An unknown kind or a value out of range is an
// error.
func (s *Server) SetFaults(kind string, faults Faults) error { return s.core.faults.put(kind, faults) }

// Faults gives the faults in force by kind, those of a profile included.
func (s *Server) Faults() map[string]Faults { return s.core.faults.current() }

// ClearFaults heals one kind, or all when kind is empty. A profile stays.
func (s *Server) ClearFaults(kind string) { s.core.faults.clear(kind) }

// UseProfile switches to ProfileHostile, under which every provider fails or
// is slow in turn and the rail loses answers throughout, or to ProfileNone.
// step is how long a turn lasts; zero means 5 seconds.
func (s *Server) UseProfile(name string, step time.Duration) error {
	return s.core.faults.use(name, step)
}
