package secret

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestNeverPrinted(t *testing.T) {
	const value = "s3cr3t-value"
	holder := struct {
		Key   String
		inner String
		Ptr   *String
	}{New(value), New(value), new(String)}
	*holder.Ptr = New(value)
	encoded, err := json.Marshal(map[string]any{"a": holder.Key, "b": holder})
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{string(encoded), New(value).String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		printed = append(printed, fmt.Sprintf(verb, holder), fmt.Sprintf(verb, holder.Key), fmt.Sprintf(verb, &holder))
	}
	for _, text := range printed {
		if strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", value)) {
			t.Errorf("the secret shows in %q", text)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b String
		want bool
	}{{New("a"), New("a"), true}, {New("a"), New("b"), false}, {New("a"), New("ab"), false}, {String{}, New(""), true}} {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("Equal(%q, %q) = %v, want %v", c.a.Reveal(), c.b.Reveal(), got, c.want)
		}
	}
}
