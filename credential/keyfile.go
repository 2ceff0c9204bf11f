package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"tollgate/internal/secret"
	"tollgate/internal/setting"
)

// ParseKeys reads a file of keys: the JSON object that programs print for AWS's credential_process.
//
//	{"Version": 1, "AccessKeyId": "…", "SecretAccessKey": "…", "SessionToken": "…", "Expiration": "2026-01-02T03:04:05Z"}
//
// The last two are optional, and null or an empty text there is none. Members of other names are ignored, since that format allows
// programs to have their own; but a name twice, and one that differs from a known one in its case only, are errors, and so is
// anything behind the object. Errors show nothing of the file.
func ParseKeys(data []byte) (Keys, error) {
	members, err := readMembers(data)
	if err != nil {
		return Keys{}, err
	}
	if string(members["Version"]) != "1" {
		return Keys{}, errors.New("the member Version must be the number 1")
	}
	var keys Keys
	id, err := members.word("AccessKeyId", true)
	if err == nil {
		keys.AccessKey = id.Reveal()
		if CheckAccessKey(keys.AccessKey) != nil {
			err = errors.New("AccessKeyId is not an access key")
		}
	}
	if err == nil {
		keys.SecretKey, err = members.word("SecretAccessKey", true)
	}
	if err == nil {
		keys.SecurityToken, err = members.word("SessionToken", false)
	}
	if err == nil {
		keys.Expires, err = members.time("Expiration")
	}
	if err != nil {
		return Keys{}, err
	}
	return keys, nil
}

// memberNames are those of a file of keys.
var memberNames = []string{"Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}

type members map[string]json.RawMessage

// readMembers reads the members of an object whose names are known. Package json would take names of another case, and the last of two.
func readMembers(data []byte) (members, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	found := members{}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, _ := token.(string) // the decoder admits nothing else
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return nil, errors.New("it is not whole, or not JSON")
		}
		known, err := knownMember(name)
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, errors.New("a member is there twice")
		}
		if seen[name] = true; known {
			found[name] = value
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("it is not whole, or not JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is something behind the JSON object")
	}
	return found, nil
}

func knownMember(name string) (known bool, err error) {
	for _, one := range memberNames {
		if name != one && strings.EqualFold(name, one) {
			return false, fmt.Errorf("write %s in this way: the case of letters counts", one)
		}
		known = known || name == one
	}
	return known, nil
}

// text returns a member that is a text; empty if it is missing or null.
func (m members) text(name string) (string, error) {
	var text string
	if raw := m[name]; raw != nil && json.Unmarshal(raw, &text) != nil {
		return "", fmt.Errorf("%s must be a text", name)
	}
	return text, nil
}

// word returns a member that has the form of a secret.
func (m members) word(name string, needed bool) (secret.String, error) {
	text, err := m.text(name)
	if err != nil || text == "" && !needed {
		return secret.String{}, err
	}
	if text == "" {
		return secret.String{}, fmt.Errorf("%s is missing", name)
	}
	return setting.CheckSecret(text, name)
}

func (m members) time(name string) (time.Time, error) {
	text, err := m.text(name)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s must be a time such as 2026-01-02T03:04:05Z (RFC 3339)", name)
	}
	return at, nil
}
