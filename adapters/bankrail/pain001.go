package bankrail

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"time"

	"loan310/app/drawdown"
)

// Facts of pain.001.001.09 (CustomerCreditTransferInitiationV09) that these
// structs follow; the order of the fields is the order of the schema:
//   - MsgId, PmtInfId, EndToEndId are Max35Text, names Max140Text, an account
//     under Othr Max34Text, remittance Max140Text;
//   - NbOfTxs is Max15NumericText, CtrlSum and InstdAmt decimals with a point;
//   - PmtMtd is TRF, ReqdExctnDt is since version 08 a choice of Dt and DtTm;
//   - Dbtr, DbtrAcct and DbtrAgt are mandatory, CdtrAgt is not;
//   - a clearing member without a published code of its system stands under
//     ClrSysId/Prtry.
const pain001Namespace = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"

// The schema's lengths, in characters.
const (
	maxReference = 35
	maxName      = 140
	maxAccount   = 34
)

type pain001 struct {
	XMLName xml.Name   `xml:"Document"`
	Xmlns   string     `xml:"xmlns,attr"`
	Head    groupHead  `xml:"CstmrCdtTrfInitn>GrpHdr"`
	Payment paymentInf `xml:"CstmrCdtTrfInitn>PmtInf"`
}

type groupHead struct {
	MsgID    string `xml:"MsgId"`
	Created  string `xml:"CreDtTm"`
	Count    int    `xml:"NbOfTxs"`
	Sum      string `xml:"CtrlSum"`
	Initiate party  `xml:"InitgPty"`
}

type paymentInf struct {
	ID       string   `xml:"PmtInfId"`
	Method   string   `xml:"PmtMtd"`
	Count    int      `xml:"NbOfTxs"`
	Sum      string   `xml:"CtrlSum"`
	Day      string   `xml:"ReqdExctnDt>Dt"`
	Debtor   party    `xml:"Dbtr"`
	Account  string   `xml:"DbtrAcct>Id>Othr>Id"`
	Agent    agent    `xml:"DbtrAgt>FinInstnId"`
	Charges  string   `xml:"ChrgBr"`
	Transfer transfer `xml:"CdtTrfTxInf"`
}

type party struct {
	Name string `xml:"Nm"`
}

type agent struct {
	System string `xml:"ClrSysMmbId>ClrSysId>Prtry"`
	Member string `xml:"ClrSysMmbId>MmbId"`
}

type transfer struct {
	EndToEndID string `xml:"PmtId>EndToEndId"`
	Amount     amount `xml:"Amt>InstdAmt"`
	Creditor   party  `xml:"Cdtr"`
	Account    string `xml:"CdtrAcct>Id>Othr>Id"`
	Remittance string `xml:"RmtInf>Ustrd"`
}

type amount struct {
	Currency string `xml:"Ccy,attr"`
	Value    string `xml:",chardata"`
}

// encode gives the bytes of one payout's file. They depend on the instruction
// and the day only, so that the same payout is the same file.
func (r *Rail) encode(told drawdown.Instruction, at time.Time) ([]byte, error) {
	sum := told.Amount.String()
	document := pain001{
		Xmlns: pain001Namespace,
		Head: groupHead{
			MsgID: told.Key, Created: at.In(zone()).Format("2006-01-02T15:04:05"), Count: 1, Sum: sum,
			Initiate: party{cut(r.options.Debtor.Name, maxName)},
		},
		Payment: paymentInf{
			ID: told.Key, Method: "TRF", Count: 1, Sum: sum, Day: at.In(zone()).Format(time.DateOnly),
			Debtor: party{cut(r.options.Debtor.Name, maxName)}, Account: r.options.Debtor.Account,
			Agent: agent{System: r.options.Debtor.ClearingSystem, Member: r.options.Debtor.ClearingMember}, Charges: "DEBT",
			Transfer: transfer{
				EndToEndID: told.Key, Amount: amount{"CNY", sum}, Creditor: party{cut(told.Holder, maxName)},
				Account: told.Account, Remittance: cut(told.Title, maxName),
			},
		},
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	encoder := xml.NewEncoder(&out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("bankrail: encoding a transfer: %w", err)
	}
	return append(out.Bytes(), '\n'), nil
}

// cut keeps the first characters of a text.
func cut(text string, most int) string {
	letters := []rune(text)
	return string(letters[:min(len(letters), most)])
}

// zone is China's: no summer time since 1991.
func zone() *time.Location { return time.FixedZone("CST", 8*60*60) }
