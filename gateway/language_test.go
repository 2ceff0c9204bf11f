package gateway_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"tollgate/gateway"
	"tollgate/internal/words"
	"tollgate/tlspolicy"
)

// TestLanguage holds that a caller that asks for zh_CN reads error_msg in Chinese, and all else in English, as one that does not.
func TestLanguage(t *testing.T) {
	f := start(t, fixed)
	refused := func(header ...string) *reply { return f.send(t, plain("POST", payTarget, `{"order_id":`, header...)) }
	english := refused().problem(t)
	if english.ErrorMsg != english.Title+": "+english.Detail || hasHan(english.ErrorMsg) {
		t.Errorf("without a header: %+v", english)
	}
	for header, chinese := range map[string]bool{
		"X-Language: zh_CN": true, "X-Language: ZH_cn": true, "x-language: zh-CN": true, "X-Language: en_US": false, "X-Language: zh": false, "X-Language: zh_TW": false,
		"X-Language:": false, "X-Language: zh_CN\r\nX-Language: zh_CN": false, "X-Language: zh_CN, en_US": false, "Accept-Language: zh-CN": false,
		"X-Language: " + strings.Repeat("zh_CN", 1000): false,
	} {
		got := refused(header)
		p := got.problem(t)
		if hasHan(p.ErrorMsg) != chinese || hasHan(p.Detail+p.Title+p.Type+p.ErrorCode) || p.Detail != english.Detail || p.Title != english.Title {
			t.Errorf("%.40q: %+v", header, p)
		}
		if chinese && p.ErrorMsg != "请求正文不是可唯一解读的 JSON：请求正文不是 JSON 文本：第 12 字节" {
			t.Errorf("%q: %s", header, p.ErrorMsg)
		}
		if _, there := got.header["Content-Language"]; there {
			t.Errorf("%q: the answer names one language, and its members are in two", header)
		}
	}
	if written := f.written(); hasHan(written) {
		t.Errorf("records and log lines are in English: %s", written)
	}
}

func hasHan(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// TestTitles holds that each code has a title in each language, and that the pages of errors, of each language that there are pages in, have
// them.
func TestTitles(t *testing.T) {
	for lang, folder := range map[words.Language]string{words.English: "../docs", words.Chinese: "../docs/zh"} {
		page := ""
		if _, err := os.Stat(folder); err == nil {
			text, err := os.ReadFile(folder + "/errors.md")
			if err != nil {
				t.Errorf("there are pages in %s, and: %v", lang, err)
				continue
			}
			page = string(text)
		}
		for _, c := range gateway.Codes() {
			title := c.Title().In(words.In(lang))
			if hasHan(title) != (lang == words.Chinese) {
				t.Errorf("%s: the title of %s is %q", lang, c.Number, title)
			}
			section := regexp.MustCompile(`(?m)^### ` + regexp.QuoteMeta(c.Number) + ` .*\n+(.*)`).FindStringSubmatch(page)
			if page != "" && (section == nil || !strings.Contains(section[1], title)) {
				t.Errorf("%s: the section of %s in errors.md does not begin with %q", lang, c.Number, title)
			}
		}
	}
}

// TestKinds holds that each kind of failed handshakes has a text for callers, in English the kind itself.
func TestKinds(t *testing.T) {
	for _, kind := range tlspolicy.Kinds() {
		id := "error.tls." + strings.ReplaceAll(string(kind), " ", "_")
		if got := words.In(words.English).Text(id); got != string(kind) || !hasHan(words.In(words.Chinese).Text(id)) {
			t.Errorf("%s: %q", kind, got)
		}
	}
}
