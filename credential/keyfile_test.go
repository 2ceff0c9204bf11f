package credential

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestParseKeys(t *testing.T) {
	keys, err := ParseKeys([]byte(`{"Version": 1, "AccessKeyId": "AKTEST", "SecretAccessKey": "secret/+=", "SessionToken": "token", "Expiration": "2026-01-02T03:04:05Z", "Account": {"id": [1]}}` + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if keys.AccessKey != "AKTEST" || keys.SecretKey.Reveal() != "secret/+=" || keys.SecurityToken.Reveal() != "token" || !keys.Expires.Equal(want) {
		t.Errorf("%q, %q, %q, %v", keys.AccessKey, keys.SecretKey.Reveal(), keys.SecurityToken.Reveal(), keys.Expires)
	}
	for _, without := range []string{"", `, "SessionToken": null, "Expiration": null`, `, "SessionToken": "", "Expiration": ""`} {
		keys, err := ParseKeys([]byte(`{"Version":1,"AccessKeyId":"AKTEST","SecretAccessKey":"s"` + without + `}`))
		if err != nil || !keys.SecurityToken.IsZero() || !keys.Expires.IsZero() {
			t.Errorf("%q: %v, %v", without, keys.Expires, err)
		}
	}
}

// TestBadKeyFiles: each fault is named, and nothing of the file is.
func TestBadKeyFiles(t *testing.T) {
	const hidden = "Sesame7"
	good := `"Version": 1, "AccessKeyId": "AKTEST", "SecretAccessKey": "` + hidden + `"`
	for text, want := range map[string]string{
		``: "not a JSON object", hidden: "not a JSON object", `"` + hidden + `"`: "not a JSON object", `[` + good: "not a JSON object", `null`: "not a JSON object",
		`{` + good: "not whole", `{` + good + `,}`: "not whole", `{` + good + `}}`: "behind", `{` + good + `} {}`: "behind", `{` + good + `} ` + hidden: "behind",
		`{` + good + `, "SecretAccessKey": "x"}`: "twice", `{` + good + `, "x": 1, "x": 2}`: "twice",
		`{` + good + `, "sessiontoken": "` + hidden + `"}`:                                   "write SessionToken in this way",
		`{` + good + `, "SESSIONTOKEN": "` + hidden + `"}`:                                   "write SessionToken in this way",
		`{"Version": 2, "AccessKeyId": "AKTEST", "SecretAccessKey": "` + hidden + `"}`:       "Version must be the number 1",
		`{"Version": "1", "AccessKeyId": "AKTEST", "SecretAccessKey": "` + hidden + `"}`:     "Version must be the number 1",
		`{"AccessKeyId": "AKTEST", "SecretAccessKey": "` + hidden + `"}`:                     "Version must be the number 1",
		`{"Version": 1, "SecretAccessKey": "` + hidden + `"}`:                                "AccessKeyId is missing",
		`{"Version": 1, "AccessKeyId": "` + hidden + `,=", "SecretAccessKey": "x"}`:          "AccessKeyId is not an access key",
		`{"Version": 1, "AccessKeyId": "AKTEST"}`:                                            "SecretAccessKey is missing",
		`{"Version": 1, "AccessKeyId": "AKTEST", "SecretAccessKey": 7}`:                      "SecretAccessKey must be a text",
		`{"Version": 1, "AccessKeyId": "AKTEST", "SecretAccessKey": "two ` + hidden + `"}`:   "SecretAccessKey holds more than one word",
		`{"Version": 1, "AccessKeyId": "AKTEST", "SecretAccessKey": "` + hidden + `\u0000"}`: "SecretAccessKey holds more than one word",
		`{` + good + `, "SessionToken": ["` + hidden + `"]}`:                                 "SessionToken must be a text",
		`{` + good + `, "Expiration": "` + hidden + `"}`:                                     "Expiration must be a time",
		`{` + good + `, "Expiration": 1767323045}`:                                           "Expiration must be a text",
		"{" + good + ", \"x\": \"\xff\"}":                                                    "not UTF-8", "\ufeff{" + good + "}": "not a JSON object",
	} {
		keys, err := ParseKeys([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if !keys.equal(Keys{}) {
			t.Errorf("%s: keys come with the error", text)
		}
	}
}

// FuzzParseKeys holds what is read to what package json reads of it, and errors to showing nothing of the values.
func FuzzParseKeys(f *testing.F) {
	for _, seed := range []string{
		`{"Version": 1, "AccessKeyId": "AKTEST", "SecretAccessKey": "Sesame77", "SessionToken": "token", "Expiration": "2026-01-02T03:04:05Z"}`,
		`{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","x":[{"y":null}]}`, `{"Version":1,"version":1}`, `{"Version":1.0}`, `[]`, `{`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ParseKeys(data)
		var read struct {
			Version         int
			AccessKeyId     string //nolint:revive // the name of the format
			SecretAccessKey string
			SessionToken    string
			Expiration      string
		}
		jsonError := json.Unmarshal(data, &read)
		if err != nil {
			if len(read.SecretAccessKey) > 6 && strings.Contains(err.Error(), read.SecretAccessKey) && !strings.Contains(strings.Join(memberNames, " "), read.SecretAccessKey) {
				t.Errorf("%q: the error shows the secret: %v", data, err)
			}
			return
		}
		if jsonError != nil || read.Version != 1 || read.AccessKeyId != keys.AccessKey || read.SecretAccessKey != keys.SecretKey.Reveal() ||
			read.SessionToken != keys.SecurityToken.Reveal() || (read.Expiration == "") != keys.Expires.IsZero() {
			t.Errorf("%q: read as %+v, package json reads %+v (%v)", data, keys, read, jsonError)
		}
		if keys.check() != nil || CheckAccessKey(keys.AccessKey) != nil {
			t.Errorf("%q: the keys are none", data)
		}
	})
}
