package sandbox

import "net/http"

// newNotify takes messages for phones (adapters/contract/notify.yaml) into
// the inbox.
func newNotify(c *core) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/messages", c.bearer(Notify, func(w http.ResponseWriter, request *http.Request) {
		var message InboxMessage
		if !decode(w, request, &message) {
			return
		}
		if message.Key == "" || message.Phone == "" || message.Template == "" {
			problem(w, http.StatusUnprocessableEntity, "message_incomplete")
			return
		}
		consistent, err := c.inbox.send(message)
		switch {
		case err != nil:
			problem(w, http.StatusInternalServerError, "message_not_kept")
		case !consistent:
			problem(w, http.StatusConflict, "idempotency_key_reused")
		default:
			answer(w, http.StatusAccepted, map[string]string{"key": message.Key, "status": "accepted"})
		}
	}))
	return mux
}
