package logistics

import (
	"crypto/md5" //nolint:gosec // Kuaidi100's signature is defined with it
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"loan310/adapters/httpx"
	"loan310/app/fault"
	"loan310/scoring/evidence"
)

// Codes of Kuaidi100's refusals that are ours to mend.
const (
	CodePhone fault.Code = "spot_check_needs_phone" // this carrier wants the phone number of a party
	CodeQuery fault.Code = "spot_check_refused"     // the parameters were refused
)

// maxTrack is the most tracking events one answer may list.
const maxTrack = 2_000

// KuaidiSign is the sign field of a request: upper-case MD5 of param, key and
// customer.
func KuaidiSign(param, key, customer string) string {
	sum := md5.Sum([]byte(param + key + customer)) //nolint:gosec // see above
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// word is a value that Kuaidi100 writes as text or as a number.
type word string

// UnmarshalJSON reads text, a number, a boolean or null.
func (w *word) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		var plain string
		if err := json.Unmarshal(text, &plain); err != nil {
			return err
		}
		*w = word(plain)
		return nil
	}
	switch plain := string(text); {
	case plain == "null":
		*w = ""
	case text[0] == '{' || text[0] == '[':
		return fmt.Errorf("want text or a number")
	default:
		*w = word(plain)
	}
	return nil
}

// kuaidiAnswer is the answer to a query. The events' context is not read: it
// holds names and phone numbers of couriers and receivers.
type kuaidiAnswer struct {
	Result     word         `json:"result"` // false on refusal
	ReturnCode word         `json:"returnCode"`
	Status     word         `json:"status"` // 200
	State      word         `json:"state"`
	Number     string       `json:"nu"`
	Carrier    string       `json:"com"`
	Data       []trackEvent `json:"data"` // newest first
	Route      *struct {
		From, To *struct {
			Number word `json:"number"` // division code
		}
	} `json:"routeInfo"`
}

type trackEvent struct {
	Time       string `json:"time"`
	FTime      string `json:"ftime"` // the same, formatted
	Status     string `json:"status"`
	StatusCode word   `json:"statusCode"`
}

// ParseAnswer reads Kuaidi100's answer about one waybill. Errors are faults:
// NotFound when there is no record of it, Invalid when the question was
// refused, Unavailable when the answer is unusable or the service is.
func ParseAnswer(body []byte, waybillNo string) (evidence.Waybill, error) {
	var answer kuaidiAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return evidence.Waybill{}, badAnswer("not the JSON agreed on")
	}
	if err := answer.refusal(); err != nil {
		return evidence.Waybill{}, err
	}
	if answer.Number != "" && !strings.EqualFold(answer.Number, waybillNo) {
		return evidence.Waybill{}, badAnswer("it is about another waybill")
	}
	if len(answer.Data) > maxTrack {
		return evidence.Waybill{}, badAnswer("too many events")
	}
	status, ok := kuaidiStatus(answer.State)
	if !ok {
		return evidence.Waybill{}, badAnswer("unknown state")
	}
	row := evidence.Waybill{
		No: waybillNo, Carrier: answer.Carrier, Status: status,
		Scans: int32(len(answer.Data)), //nolint:gosec // at most maxTrack
	}
	if route := answer.Route; route != nil {
		if route.From != nil {
			row.Origin = division(route.From.Number)
		}
		if route.To != nil {
			row.Destination = division(route.To.Number)
		}
	}
	if err := answer.track(&row); err != nil {
		return evidence.Waybill{}, err
	}
	return row, nil
}

// refusal reads result and returnCode, which only refusals have.
func (a *kuaidiAnswer) refusal() error {
	code := string(a.ReturnCode)
	if a.Result != "false" && (code == "" || code == "200") {
		if a.Status != "" && a.Status != "200" {
			return badAnswer("status is not 200")
		}
		return nil
	}
	switch code {
	case "500": // nothing found
		return fault.Missing("waybill")
	case "400":
		return fault.New(fault.Invalid, CodeQuery, "%s refused the parameters", spotProvider)
	case "408":
		return fault.New(fault.Invalid, CodePhone, "%s wants a phone number for this carrier", spotProvider)
	case "503", "601": // sign wrong, key expired or quota used
		return fault.New(fault.Unavailable, httpx.CodeCredentials, "%s: return code %s", spotProvider, code)
	case "501", "502": // server error, server busy
		return fault.New(fault.Unavailable, httpx.CodeDown, "%s: return code %s", spotProvider, code)
	default:
		return badAnswer("unknown return code")
	}
}

// track derives the moments of picking up and signing from the events. Where
// no event says which it is, the first is the picking up and, of a parcel
// signed for, the last is the signing.
func (a *kuaidiAnswer) track(row *evidence.Waybill) error {
	var first, last, pickedUp, signedFor time.Time
	for i := range a.Data {
		step := &a.Data[i]
		at, err := step.at()
		if err != nil {
			return badAnswer("event " + strconv.Itoa(i+1) + " has no time")
		}
		first = httpx.Earlier(first, at)
		if at.After(last) {
			last = at
		}
		switch {
		case step.is("1", "揽收"):
			pickedUp = httpx.Earlier(pickedUp, at)
		case step.is("3", "签收") && at.After(signedFor):
			signedFor = at
		}
	}
	if pickedUp.IsZero() {
		pickedUp = first
	}
	row.PickedUpAt = pickedUp
	if row.Status == evidence.WaybillSigned {
		if signedFor.IsZero() {
			signedFor = last
		}
		row.SignedAt = signedFor
	}
	return nil
}

func (e *trackEvent) at() (time.Time, error) {
	text := e.FTime
	if text == "" {
		text = e.Time
	}
	at, err := time.ParseInLocation(time.DateTime, text, chinaTime())
	if err != nil || at.Year() < 2000 || at.Year() > 2200 {
		return time.Time{}, fmt.Errorf("not a time")
	}
	return at.UTC(), nil
}

// is tells whether an event is of a kind: its code, or one below it (103 is a
// kind of 1), or, without a code, its word.
func (e *trackEvent) is(code, name string) bool {
	if e.StatusCode != "" {
		return string(e.StatusCode) == code || (len(e.StatusCode) >= 3 && strings.HasPrefix(string(e.StatusCode), code))
	}
	return e.Status == name
}

// kuaidiStatus reads the state of a parcel.
func kuaidiStatus(state word) (evidence.WaybillStatus, bool) {
	switch state {
	case "1": // collected
		return evidence.WaybillPickedUp, true
	case "0", "2", "5", "7", "8", "10", "11", "12", "13":
		// in transit, problem, out for delivery, forwarded, customs
		return evidence.WaybillInTransit, true
	case "3":
		return evidence.WaybillSigned, true
	case "4", "6", "14": // returned and signed for, on its way back, refused
		return evidence.WaybillReturned, true
	default:
		return "", false
	}
}

// division gives the six-digit code at the head of Kuaidi100's longer ones
// ("CN330106000000"), empty when there is none.
func division(number word) string {
	digits := strings.TrimPrefix(string(number), "CN")
	if len(digits) < 6 || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return digits[:6]
}

func badAnswer(what string) *fault.Error {
	return fault.New(fault.Unavailable, httpx.CodeMalformed, "%s: malformed answer: %s", spotProvider, what)
}
