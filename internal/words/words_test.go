package words_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"tollgate/internal/words"
)

// messages reads the messages of a language, as they are for many.
func messages(t *testing.T, file string) map[string]string {
	t.Helper()
	var read map[string]any
	source, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(source, &read)
	}
	if err != nil || len(read) == 0 {
		t.Fatal(file, err)
	}
	all := map[string]string{}
	for id, message := range read {
		all[id] = textOf(message)
	}
	return all
}

// textOf returns a message that has no forms, or that for many.
func textOf(message any) string {
	switch m := message.(type) {
	case string:
		return m
	case map[string]any:
		text, _ := m["other"].(string)
		return text
	}
	return ""
}

var value = regexp.MustCompile(`{{\s*\.(\w+)\s*}}`)

func valuesIn(text string) (names []string) {
	for _, found := range value.FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestLanguages holds that each language has each message, with the same values, and nothing in it but those.
func TestLanguages(t *testing.T) {
	english, chinese := messages(t, "en.yaml"), messages(t, "zh.yaml")
	for id, text := range english {
		other, there := chinese[id]
		switch {
		case text == "":
			t.Errorf("en: %s is empty", id)
		case !there || other == "":
			t.Errorf("zh: %s is missing", id)
		case !slices.Equal(valuesIn(text), valuesIn(other)):
			t.Errorf("%s: values %v in English, %v in Chinese", id, valuesIn(text), valuesIn(other))
		case strings.Contains(value.ReplaceAllString(text+other, ""), "{{"):
			t.Errorf("%s has more of a template than values", id)
		}
	}
	for id := range chinese {
		if _, there := english[id]; !there {
			t.Errorf("en: %s is missing", id)
		}
	}
}

func TestText(t *testing.T) {
	en, zh := words.In(words.English), words.In(words.Chinese)
	if got := en.Text("frame.log", "Log", "main", "To", "7"); got != "Log main, to record 7" {
		t.Error(got)
	}
	if got := zh.Text("nav.calls"); got != "调用" {
		t.Error(got)
	}
	if got := en.Text("no.such.message"); got != "no.such.message" {
		t.Error(got)
	}
}

// TestValues holds that a value is never read as a part of a message, and that one which is a message is in the same language.
func TestValues(t *testing.T) {
	zh := words.In(words.Chinese)
	if got := zh.Text("frame.log", "Log", "{{.To}}", "To", 7); got != "日志 {{.To}}，截至第 7 条记录" {
		t.Error(got)
	}
	joined := words.Join("error.or", []string{"a", "{{.Next}}", "c"})
	if got := words.Say("error.header", "Header", "x", "Why", joined); got.In(zh) != "已签名的标头 x：a 或 {{.Next}} 或 c" || got.String() != "signed header x: a or {{.Next}} or c" {
		t.Error(got, got.In(zh))
	}
	if got := words.Of(words.Err("error.money.negative")).In(zh); got != "金额不得为负数" {
		t.Error(got)
	}
}

// TestForms holds that the value Count chooses the form.
func TestForms(t *testing.T) {
	en := words.In(words.English)
	for _, one := range []any{1, int64(1), uint64(1)} {
		if got := en.Text("error.cap.calls", "Count", one); got != "1 call" {
			t.Errorf("%T: %s", one, got)
		}
	}
	if got := en.Text("error.cap.calls", "Count", 0); got != "0 calls" {
		t.Error(got)
	}
}

// TestSaid holds that values stay values, whatever they are made of.
func TestSaid(t *testing.T) {
	hostile := "{{.To}} <b> \uE000\uE001"
	parts := words.In(words.English).Said("frame.log", "Log", hostile, "To", 7)
	want := []words.Part{{Text: "Log "}, {Text: hostile, Value: true}, {Text: ", to record "}, {Text: "7", Value: true}}
	if !slices.Equal(parts, want) {
		t.Errorf("got %v", parts)
	}
}

func TestMatch(t *testing.T) {
	for accepted, want := range map[string]words.Language{
		"": words.English, "zh-CN,zh;q=0.9,en;q=0.8": words.Chinese, "de, zh;q=0.1": words.Chinese, "en-GB": words.English, "zh-Hans": words.Chinese, "x": words.English,
	} {
		if got := words.Match(accepted); got != want {
			t.Errorf("%q: %s", accepted, got)
		}
	}
}

// TestTerms holds that an idea has one Chinese term on all pages.
func TestTerms(t *testing.T) {
	other := regexp.MustCompile(`(?:^|[^云])服务商|操作员|访问方案|支出上限|代金券|付费账号|业务操作|加密套件|对方|该操作|身份(?:未证实|未确认)|认定为|[A-Za-z}\p{Han}];`)
	for id, text := range messages(t, "zh.yaml") {
		if found := other.FindString(text); found != "" {
			t.Errorf("%s: %q; other messages have another term: %s", id, found, text)
		}
	}
}
