package gateway

import (
	"strings"

	"tollgate/internal/words"
)

// languageHeader is the provider's: "zh_CN" or "en_US".
const languageHeader = "X-Language"

// language returns the language of error_msg, the member for people, whom SDKs show it as the message of an exception: Chinese where the
// request asks for zh_CN, in any case, with "_" or "-" (BCP 47), else English. The provider takes zh_CN where there is no header. Here that is
// English, which is what callers that send none have always read.
func (c *call) language() words.Language {
	if asked := c.request.Header[languageHeader]; len(asked) == 1 && (strings.EqualFold(asked[0], "zh_CN") || strings.EqualFold(asked[0], "zh-CN")) {
		return words.Chinese
	}
	return words.English
}
