package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"loan310/adapters/dossier"
	"loan310/adapters/sandbox"
	"loan310/app/apiclient"
)

// updateHistories makes TestHistories write what workflows/replay_test.go
// replays.
const updateHistories = "LOAN310_UPDATE_HISTORIES"

// TestHistories records the workflows of real runs. In the clear they carry
// references only, never a row of evidence; with LOAN310_UPDATE_HISTORIES=1
// they are stored under workflows/testdata. All in them is synthetic.
func TestHistories(t *testing.T) {
	t.Parallel()
	w := begin(t)
	histories := map[string]history{
		"registration-checking": w.history(t, "registration/"+w.checkedLater(t)),
		"underwriting-declined": w.history(t, "underwriting/"+w.declined(t)),
	}
	on := w.credit(t)
	histories["underwriting-approved"] = w.history(t, "underwriting/"+on.application.ID)
	histories["drawdown-paid"] = w.history(t, "drawdown/"+w.end(t, w.draw(t, on, "paid", on.part(20)).ID).ID)

	require.NoError(t, w.Sandbox.SetFaults(sandbox.Payout, sandbox.Faults{LostAnswerShare: 1, ForRequests: 1}))
	histories["drawdown-unknown"] = w.history(t, "drawdown/"+w.end(t, w.draw(t, on, "unknown", on.part(20)).ID).ID)

	w.Sandbox.ClearFaults(sandbox.Payout)
	histories["debit-collected"] = w.history(t, "debit/"+w.repayNow(t, w.end(t, w.draw(t, on, "debited", on.part(10)).ID).ID))
	lent := w.end(t, w.draw(t, on, "debited-late", on.part(10)).ID).ID
	require.NoError(t, w.Sandbox.SetFaults(sandbox.Payout, sandbox.Faults{LostAnswerShare: 1, ForRequests: 2}))
	histories["debit-unknown"] = w.history(t, "debit/"+w.repayNow(t, lent))

	histories["underwriting-deferred"] = w.history(t, "underwriting/"+w.deferredThenApproved(t))
	for name, told := range histories {
		require.Contains(t, told.payloads, "ID", name)
		for _, row := range []string{"waybill_no", "order_id", "buyer_id", "amount_fen", "report_id", "legal_rep\""} {
			require.NotContains(t, told.payloads, row, name)
		}
		require.Less(t, len(told.payloads), 20_000, name)
		if os.Getenv(updateHistories) != "" {
			path := filepath.Join(root(t), "workflows", "testdata", name+".json")
			require.NoError(t, os.WriteFile(path, told.text, 0o600))
		}
	}
}

// checkedLater registers while the registry is away, which is asked again.
func (w *world) checkedLater(t *testing.T) string {
	t.Helper()
	m := w.cast.next(t, dossier.ArchetypeEstablished)
	id := w.prove(t, m)
	require.NoError(t, w.Sandbox.SetFaults(sandbox.Registry, sandbox.Faults{Down: true}))
	for _, s := range steps(m) {
		merchant, err := w.client.PutStep(within(t, patience), id, s.path, s.path, s.body)
		require.NoError(t, err)
		require.Equal(t, "registering", merchant.State)
	}
	w.Sandbox.ClearFaults(sandbox.Registry)
	w.requireWorkflowEnded(t, "registration/"+id)
	merchant, err := w.client.Merchant(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "active", merchant.State)
	return id
}

// declined takes the next merchant with arrears to its answer.
func (w *world) declined(t *testing.T) string {
	t.Helper()
	m := w.cast.next(t, dossier.ArchetypeDefaulting)
	application := w.answer(t, w.apply(t, w.register(t, m), m).ID, apiclient.Application.Decided)
	require.Equal(t, "declined", application.State)
	return application.ID
}

// deferredThenApproved applies while the bureau is away, and again as another
// merchant where the verdict is no approval.
func (w *world) deferredThenApproved(t *testing.T) string {
	t.Helper()
	for {
		application := w.deferred(t, dossier.ArchetypeEstablished, sandbox.Bureau, sandbox.Faults{Down: true})
		w.Sandbox.ClearFaults(sandbox.Bureau)
		if w.answer(t, application.ID, settled).State == "approved" {
			return application.ID
		}
	}
}

// history is a workflow's history in the clear.
type history struct {
	text     []byte // JSON as Temporal's tools write and read it
	payloads string // what was sealed, one after the other
}

// history gives a workflow's history once it has ended, without this machine's
// name.
func (w *world) history(t *testing.T, workflowID string) history {
	t.Helper()
	w.requireWorkflowEnded(t, workflowID)
	const allEvents = 1
	cipher := payloadCipher(t, w.Config.Keys.Payload)
	events, told := [][]byte{}, history{}
	for iterator := w.Stack.Temporal.GetWorkflowHistory(within(t, patience), workflowID, "", false, allEvents); iterator.HasNext(); {
		event, err := iterator.Next()
		require.NoError(t, err)
		told.reveal(t, event.ProtoReflect(), cipher)
		text, err := protojson.Marshal(event)
		require.NoError(t, err)
		events = append(events, text)
	}
	host, err := os.Hostname()
	require.NoError(t, err)
	joined := bytes.ReplaceAll(bytes.Join(events, []byte(",")), []byte(host), []byte("host"))
	var whole bytes.Buffer
	require.NoError(t, json.Indent(&whole, append(append([]byte(`{"events":[`), joined...), ']', '}'), "", " "))
	told.text = append(whole.Bytes(), '\n')
	return told
}

func payloadCipher(t *testing.T, keys []byte) tink.AEAD {
	t.Helper()
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(keys)))
	require.NoError(t, err)
	cipher, err := aead.New(handle)
	require.NoError(t, err)
	return cipher
}

// reveal opens every sealed payload in a message, wherever it is.
func (h *history) reveal(t *testing.T, message protoreflect.Message, cipher tink.AEAD) {
	t.Helper()
	if message.Descriptor().FullName() == "temporal.api.common.v1.Payload" {
		data := message.Descriptor().Fields().ByName("data")
		plain, err := cipher.Decrypt(message.Get(data).Bytes(), []byte("binary/encrypted-loan310"))
		if err != nil {
			return // a search attribute, which is never sealed
		}
		require.NoError(t, proto.Unmarshal(plain, message.Interface()))
		h.payloads += string(message.Get(data).Bytes()) + "\n"
		return
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap() && field.MapValue().Message() != nil:
			value.Map().Range(func(_ protoreflect.MapKey, element protoreflect.Value) bool {
				h.reveal(t, element.Message(), cipher)
				return true
			})
		case field.IsList() && field.Message() != nil:
			for i := range value.List().Len() {
				h.reveal(t, value.List().Get(i).Message(), cipher)
			}
		case field.Message() != nil && !field.IsMap():
			h.reveal(t, value.Message(), cipher)
		}
		return true
	})
}
