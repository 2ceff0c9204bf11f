package bsssim

import "net/http"

// words is a text of an answer in both languages of the API.
type words struct{ zh, en string }

// wantsEnglish reports whether a request asks for English. Where it asks for no language of the API the answer is Chinese, which the pages
// document as the default of X-Language (of ListServiceTypes: "zh_CN: Chinese, en_US: English, zh_CN by default").
func wantsEnglish(header http.Header) bool { return header.Get("X-Language") == "en_US" }

// translate returns a value of an answer with its words in one language.
func translate(value any, english bool) any {
	switch v := value.(type) {
	case words:
		if english {
			return v.en
		}
		return v.zh
	case object:
		for name := range v {
			v[name] = translate(v[name], english)
		}
	case []object:
		for i := range v {
			translate(v[i], english)
		}
	}
	return value
}

// The names of services.
var (
	serverName = words{"弹性云服务器", "Elastic Cloud Server"}
	volumeName = words{"云硬盘", "Elastic Volume Service"}
)

// messages are the meanings of the documented codes.
var messages = map[string]words{
	"CBC.0100":     {"参数错误。", "The parameter is wrong."},
	"CBC.0101":     {"参数无效。", "The parameter is invalid."},
	"CBC.0151":     {"访问拒绝。", "Access denied."},
	"CBC.0155":     {"不允许的操作。", "The operation is not allowed."},
	"CBC.0999":     {"其他错误。", "Other errors."},
	"CBC.5001":     {"该账号不是合作伙伴。", "The account is not a partner."},
	"CBC.5003":     {"账户余额不足。", "The account balance is insufficient."},
	"CBC.5004":     {"没有该客户的操作权限。", "No right over this customer."},
	"CBC.5021":     {"该客户为推荐模式客户。", "The customer is of the referral model."},
	"CBC.99003651": {"资源有在途交易，不能退订。", "A transaction of the resource is in progress; it cannot be unsubscribed."},
	"CBC.99005003": {"账户余额不足。", "The account balance is insufficient."},
	"CBC.99005010": {"订单不能取消。", "The order cannot be cancelled."},
	"CBC.99005026": {"订单不是退订或降配订单。", "The order is not a refund or downgrade order."},
	"CBC.99000037": {"没有该云经销商的操作权限。", "No right over this reseller."},
	"CBC.99000047": {"账户不存在。", "The account does not exist."},
	"CBC.99000049": {"该客户没有代售余额账户。", "The customer has no resale balance account."},
	"CBC.99000088": {"支付处理中或已支付，请勿重复支付。", "The payment is being processed or done; do not repeat it."},
	"CBC.99007004": {"业务校验不通过。", "Business checks are not met."},
	"CBC.99007009": {"事务流水号重复。", "The transaction id is repeated."},
	"CBC.30000010": {"订单不存在。", "The order does not exist."},
}
