package web

import (
	"context"
	"strings"

	"loan310/app/merchant"
	"loan310/scoring/evidence"
)

type consentTextView struct {
	Source   string `json:"source" enum:"marketplace,logistics,bank,utility,bureau,registry"`
	Title    string `json:"title" example:"Your sales"`
	From     string `json:"from" doc:"Who is asked." example:"The marketplace you sell on"`
	What     string `json:"what" doc:"What is fetched."`
	Why      string `json:"why" doc:"What it is used for."`
	Required bool   `json:"required" doc:"True where no decision can be made without."`
}

type consentTextsView struct {
	Version  string            `json:"version" doc:"Hand it in with the consents." example:"2026-12"`
	Language string            `json:"language" enum:"zh-CN,en"`
	Intro    string            `json:"intro" doc:"Shown above the list."`
	Sources  []consentTextView `json:"sources"`
}

type consentTextsRequest struct {
	Language string `query:"language" enum:"zh-CN,en" default:"zh-CN" doc:"Of the texts."`
}

func (s *server) consentTexts(_ context.Context, _ Principal, in *consentTextsRequest) (*body[consentTextsView], error) {
	view := consentTextsView{Version: merchant.ConsentVersion, Language: in.Language, Intro: consentIntro(in.Language)}
	for _, source := range evidence.Sources {
		text := consentText(source, in.Language)
		text.Source, text.Required = string(source), source == evidence.Registry || source == evidence.Bureau
		view.Sources = append(view.Sources, text)
	}
	return &body[consentTextsView]{view}, nil
}

func consentIntro(language string) string {
	if language == "en" {
		return "We decide from what these sources say about your business. We read each one only for your applications, keep what we read so that the decision can be explained and checked, and you can withdraw a consent at any time; nothing more is read from then on. Of the device and the network address you register and apply from we keep keyed hashes, never the values, to see which merchants belong together."
	}
	return "我们根据以下来源的经营数据作出决定。只在您申请时读取，并留存用于说明和复核该决定；您可以随时撤回授权，撤回后不再读取。您注册和申请时所用设备及网络地址，我们只保存加密摘要、不保存原值，用于识别关联商户。"
}

// consentText gives the wording for one source. Changing a word here means a
// new merchant.ConsentVersion.
func consentText(source evidence.Source, language string) consentTextView {
	texts := map[evidence.Source][2]consentTextView{
		evidence.Marketplace: {
			{Title: "您的销售", From: "您开店的电商平台", What: "近13个月的订单：时间、金额、运费、退款、品类、收货城市、买家与设备的匿名编号。不读取买家姓名、电话和详细地址。", Why: "了解真实销售额和淡旺季。"},
			{Title: "Your sales", From: "The marketplace you sell on", What: "Your orders of the last 13 months: time, amount, freight, refunds, category, city of delivery, pseudonyms of buyer and device. No names, phone numbers or addresses of buyers.", Why: "To know your real revenue and your seasons."},
		},
		evidence.Logistics: {
			{Title: "您的发货", From: "为您送货的快递公司", What: "近13个月的运单：单号、揽收和签收时间、始发和目的城市、重量、运费。", Why: "核对订单是否真实发货。"},
			{Title: "Your deliveries", From: "The carriers that deliver for you", What: "Your waybills of the last 13 months: number, times of pick-up and signature, cities, weight, freight.", Why: "To see that orders were really shipped."},
		},
		evidence.Bank: {
			{Title: "您的收款账户", From: "您的开户银行或钱包", What: "近13个月的账户流水：时间、金额、余额、用途类别、对手方的匿名编号。", Why: "核对货款是否到账，了解收支和已有还款。"},
			{Title: "Your account", From: "Your bank or wallet", What: "The rows of your account of the last 13 months: time, amount, balance, kind of payment, a pseudonym of the other side.", Why: "To see that sales were paid, and what comes in, goes out and is being repaid."},
		},
		evidence.Utility: {
			{Title: "您的水电账单", From: "供电、供水公司", What: "近13个月的账单：账期、用量、金额、是否按时缴费。", Why: "核对经营规模与销售是否相符。"},
			{Title: "Your bills", From: "Your electricity and water companies", What: "Your bills of the last 13 months: period, use, amount, whether paid on time.", Why: "To see that the size of the business fits its sales."},
		},
		evidence.Bureau: {
			{Title: "您的信用报告", From: "征信机构", What: "法定代表人和企业的信用报告：贷款、逾期、近期查询。本次查询会留下记录。", Why: "了解已有负债和还款记录。没有此项授权无法作出决定。"},
			{Title: "Your credit record", From: "The credit bureau", What: "The credit report of the business and its legal representative: loans, arrears, recent inquiries. This inquiry is recorded there.", Why: "To know existing debt and how it was repaid. No decision can be made without it."},
		},
		evidence.Registry: {
			{Title: "您的营业执照", From: "市场监管登记机关", What: "登记信息：名称、状态、成立日期、地区、行业、法定代表人。", Why: "确认经营主体存续。没有此项授权无法作出决定。"},
			{Title: "Your licence", From: "The business registry", What: "The registration: name, status, date of establishment, region, industry, legal representative.", Why: "To see that the business exists and is active. No decision can be made without it."},
		},
	}
	if language == "en" {
		return texts[source][1]
	}
	return texts[source][0]
}

// spoken gives zh-CN or en, whichever an Accept-Language header names first;
// zh-CN when it names neither.
func spoken(header string) string {
	for part := range strings.SplitSeq(strings.ToLower(header), ",") {
		switch tag := strings.TrimSpace(part); {
		case strings.HasPrefix(tag, "zh"):
			return "zh-CN"
		case strings.HasPrefix(tag, "en"):
			return "en"
		}
	}
	return "zh-CN"
}
