package sandbox

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // Kuaidi100's signature is defined with it
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"loan310/scoring/evidence"
)

// maxScans is the most tracking events of one answer.
const maxScans = 200

// kuaidi answers spot checks from the waybills of the whole book. A parcel
// that nobody ever took over has no record, whatever its seller declared.
type kuaidi struct {
	core *core
	// owners gives the merchant of a waybill number; built at first use.
	owners func() map[string]string
}

func newKuaidi(c *core) http.Handler {
	return &kuaidi{core: c, owners: sync.OnceValue(func() map[string]string {
		owners := map[string]string{}
		for _, merchant := range c.book.Merchants() {
			for row, err := range c.book.Waybills(merchant.ID) {
				if err != nil {
					break
				}
				if _, taken := owners[row.No]; !taken {
					owners[row.No] = merchant.ID
				}
			}
		}
		return owners
	})}
}

// ServeHTTP answers poll/query.do. Refusals have status 200 and a returnCode,
// as Kuaidi100's have.
func (k *kuaidi) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.ParseForm() != nil {
		refuseCheck(w, "400", "参数错误")
		return
	}
	form := request.PostForm
	var param struct {
		Company string `json:"com"`
		Number  string `json:"num"`
	}
	switch {
	case form.Get("customer") != k.core.secrets.KeyIDs[Logistics] || !k.signed(form.Get("param"), form.Get("sign")):
		refuseCheck(w, "503", "验证签名失败")
	case !withinPulls(request.Header):
		refuseCheck(w, "601", "POOL_LIMIT")
	case json.Unmarshal([]byte(form.Get("param")), &param) != nil || param.Company == "" || param.Number == "" || len(param.Number) > 32:
		refuseCheck(w, "400", "参数错误")
	default:
		row, known := k.find(param.Number)
		if !known || !moved(&row) {
			refuseCheck(w, "500", "查询无结果,请隔段时间再查")
			return
		}
		answer(w, http.StatusOK, trackOf(&row, param.Company))
	}
}

func (k *kuaidi) signed(param, sign string) bool {
	key := k.core.secrets.Keys[Logistics]
	sum := md5.Sum([]byte(param + key + k.core.secrets.KeyIDs[Logistics])) //nolint:gosec // see above
	return key != "" && hmac.Equal([]byte(sign), []byte(strings.ToUpper(hex.EncodeToString(sum[:]))))
}

// withinPulls checks the place in the pull budget that a request declares:
// "used/limit" for the application and for the day.
func withinPulls(header http.Header) bool {
	for _, name := range [...]string{"X-Pulls-Application", "X-Pulls-Day"} {
		used, limit, found := strings.Cut(header.Get(name), "/")
		u, usedErr := strconv.Atoi(used)
		l, limitErr := strconv.Atoi(limit)
		if !found || usedErr != nil || limitErr != nil || u < 1 || u > l {
			return false
		}
	}
	return true
}

// find gives a copy of the first waybill with a number.
func (k *kuaidi) find(number string) (evidence.Waybill, bool) {
	owner, known := k.owners()[number]
	if !known {
		return evidence.Waybill{}, false
	}
	for row, err := range k.core.book.Waybills(owner) {
		if err != nil {
			break
		}
		if row.No == number {
			return *row, true
		}
	}
	return evidence.Waybill{}, false
}

// moved tells whether a carrier ever had the parcel in hand.
func moved(row *evidence.Waybill) bool {
	return !row.PickedUpAt.IsZero() || !row.SignedAt.IsZero() || row.Scans > 0
}

func refuseCheck(w http.ResponseWriter, code, message string) {
	answer(w, http.StatusOK, map[string]any{"result": false, "returnCode": code, "message": message})
}

// kuaidiTrack is the answer to a check.
type kuaidiTrack struct {
	Message   string        `json:"message"`
	Number    string        `json:"nu"`
	IsCheck   string        `json:"ischeck"` // 1 when signed for
	Condition string        `json:"condition"`
	Company   string        `json:"com"`
	Status    string        `json:"status"`
	State     string        `json:"state"`
	Data      []kuaidiEvent `json:"data"` // newest first
	Route     any           `json:"routeInfo,omitempty"`
}

type kuaidiEvent struct {
	Time       string `json:"time"`
	FTime      string `json:"ftime"`
	Context    string `json:"context"`
	Status     string `json:"status"`
	StatusCode string `json:"statusCode"`
}

func trackOf(row *evidence.Waybill, company string) kuaidiTrack {
	track := kuaidiTrack{
		Message: "ok", Number: row.No, IsCheck: "0", Condition: "00", Company: company, Status: "200",
		State: kuaidiState(row.Status), Data: kuaidiEvents(row),
	}
	if row.Status == evidence.WaybillSigned {
		track.IsCheck, track.Condition = "1", "F00"
	}
	route := map[string]any{}
	if row.Origin != "" {
		route["from"] = map[string]string{"number": "CN" + row.Origin + "000000", "name": row.Origin}
	}
	if row.Destination != "" {
		route["to"] = map[string]string{"number": "CN" + row.Destination + "000000", "name": row.Destination}
	}
	if len(route) > 0 {
		track.Route = route
	}
	return track
}

func kuaidiState(status evidence.WaybillStatus) string {
	switch status {
	case evidence.WaybillPickedUp:
		return "1"
	case evidence.WaybillSigned:
		return "3"
	case evidence.WaybillReturned:
		return "4"
	default:
		return "0"
	}
}

// kuaidiEvents makes the events a parcel's scans stand for: taking over,
// scans evenly on the way, signing; newest first.
func kuaidiEvents(row *evidence.Waybill) []kuaidiEvent {
	var events []kuaidiEvent
	add := func(at time.Time, status, code string) {
		text := at.In(time.FixedZone("UTC+8", 8*60*60)).Format(time.DateTime)
		events = append(events, kuaidiEvent{Time: text, FTime: text, Context: fmt.Sprintf("快件%s", status), Status: status, StatusCode: code})
	}
	from, to := row.PickedUpAt, row.SignedAt
	told := 0
	if !to.IsZero() {
		add(to, "签收", "3")
		told++
	}
	if !from.IsZero() {
		told++
	}
	between := min(int(row.Scans), maxScans) - told
	begin := from
	if begin.IsZero() {
		begin = firstStep(row)
	}
	end := to
	if end.IsZero() {
		end = begin.Add(time.Duration(between+1) * 6 * time.Hour)
	}
	for i := between; i > 0; i-- {
		add(begin.Add(end.Sub(begin)*time.Duration(i)/time.Duration(between+1)), "在途", "0")
	}
	if !from.IsZero() {
		add(from, "揽收", "1")
	}
	return events
}
