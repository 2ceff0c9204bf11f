package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

func sum(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

func TestHash(t *testing.T) {
	long := strings.Repeat("金", 1000)
	for form, texts := range map[string][]string{
		"":                        nil,
		"0:,":                     {""},
		"5:hello,0:,":             {"hello", ""},
		"2:a\n,1:b,":              {"a\n", "b"},
		"1:a,2:\nb,":              {"a", "\nb"},
		"7:1:a,1:b,":              {"1:a,1:b"},
		"3000:" + long + ",":      {long},
		"256:" + long[:256] + ",": {long[:256]},
	} {
		bytes, hash := Of(texts)
		if bytes != int64(len(strings.Join(texts, ""))) || hash != sum(form) {
			t.Errorf("%.20q: %d bytes, %s", texts, bytes, hash)
		}
		l := New()
		for _, text := range texts {
			Add(l, []byte(text))
		}
		if l.Bytes() != bytes || l.Hash() != hash {
			t.Errorf("%.20q: bytes are hashed in another way than texts", texts)
		}
	}
	if got := OfText("a b"); got != sum("a b") {
		t.Errorf("OfText: %s", got)
	}
}
