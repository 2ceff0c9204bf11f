package strictyaml

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// testFile has the kinds of sections and values that there are.
type testFile struct {
	Credentials map[string]testCredential `yaml:"credentials"`
	Callers     map[string]testCaller     `yaml:"callers"`
	Listeners   []testListener            `yaml:"listeners"`
	Audit       testAudit                 `yaml:"audit"`
}

type testCredential struct {
	testClassed
	Kinds     []string       `yaml:"kinds"`
	AccessKey testReference  `yaml:"access_key"`
	SecretKey testReference  `yaml:"secret_key"`
	Token     *testReference `yaml:"security_token"`
}

// testClassed is embedded: its fields are those of a credential.
type testClassed struct {
	Name  string    `yaml:"-"`
	Class testClass `yaml:"class" need:"yes" choice:"partner|customer|other"`
}

// testClass is a word that reads itself, and does not know one of the choices.
type testClass int

func (c *testClass) UnmarshalText(text []byte) error {
	*c = testClass(slices.Index([]string{"none", "partner", "customer"}, string(text)))
	if *c < 0 {
		return errors.New("not among the classes")
	}
	return nil
}

type testReference struct {
	Env  string `yaml:"env"`
	File string `yaml:"file"`
}

func (testReference) ExactlyOne()             {}
func (testReference) InsteadOfSecret() string { return "{env: NAME}" }

type testCaller struct {
	Auth []testAuth `yaml:"auth"`
}

type testAuth struct {
	AccessKey *testKey `yaml:"access_key"`
}

type testKey struct {
	ID     string        `yaml:"id"`
	Secret testReference `yaml:"secret"`
}

type testListener struct {
	Address string    `yaml:"address"`
	Most    int       `yaml:"most" range:"1..100"`
	Sure    *bool     `yaml:"sure"`
	Level   testLevel `yaml:"level" range:"low..high"`
	Called  testName  `yaml:"called" single:"yes"`
	Made    func()    `yaml:"-"`
}

func (testListener) Default() testListener { return testListener{Most: 7, Level: 1} }

// testName may be written as the text itself.
type testName struct {
	Text string `yaml:"text"`
	Env  string `yaml:"env"`
}

func (testName) ExactlyOne() {}

type testAudit struct {
	Dir   string    `yaml:"dir"`
	Every int       `yaml:"every"`
	Index testIndex `yaml:"index"`
}

func (testAudit) Default() testAudit { return testAudit{Every: 10} }

type testIndex struct {
	Enabled bool `yaml:"enabled"`
}

func (testIndex) Default() testIndex { return testIndex{Enabled: true} }

// testLevel is "low", "mid" or "high".
type testLevel int64

func (l *testLevel) UnmarshalText(text []byte) error {
	for i, word := range []string{"none", "low", "mid", "high"} {
		if word == string(text) {
			*l = testLevel(i)
			return nil
		}
	}
	return errors.New("want low, mid or high")
}

func (testLevel) Pattern() string { return "^(none|low|mid|high)$" }
func (testLevel) Kind() string    { return "level" }

// decode reads a text and returns all problems of it.
func decode(text string) (file testFile, err error) {
	d, err := Decode("f", []byte(text), &file)
	if err != nil {
		return file, err
	}
	return file, d.Err()
}

func TestDecode(t *testing.T) {
	got, err := decode("\uFEFFlisteners: [{address: a:1, level: high}, {most: 3, sure: false}]\naudit: {dir: x}\ncredentials: {main: {class: partner, access_key: {env: AK}}}\n")
	no := false
	want := testFile{
		Credentials: map[string]testCredential{"main": {testClassed: testClassed{Class: 1}, AccessKey: testReference{Env: "AK"}}},
		Listeners:   []testListener{{Address: "a:1", Most: 7, Level: 3}, {Most: 3, Sure: &no, Level: 1}},
		Audit:       testAudit{Dir: "x", Every: 10, Index: testIndex{true}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// TestSingle: a section of the tag is written as the value of its first key, or as others are.
func TestSingle(t *testing.T) {
	got, err := decode("listeners: [{called: a}, {called: {text: b}}, {called: {env: C}}]")
	want := []testName{{Text: "a"}, {Text: "b"}, {Env: "C"}}
	if err != nil || len(got.Listeners) != len(want) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, l := range got.Listeners {
		if l.Called != want[i] {
			t.Errorf("got %+v, want %+v", l.Called, want[i])
		}
	}
}

func TestDefault(t *testing.T) {
	got := Default(reflect.TypeFor[testFile]()).Interface().(testFile)
	if want := (testFile{Audit: testAudit{Every: 10, Index: testIndex{true}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestProblems shows a message of each kind, and where it points.
func TestProblems(t *testing.T) {
	for text, want := range map[string]string{
		"audit: {dirs: x}":                                   `f:1:9: unknown key "dirs" did you mean "dir"?`,
		"audit: {dir: x, dir: y}":                            `f:1:17: key "dir" is given twice the first is on line 1`,
		"audit: [x]":                                         `f:1:8: audit is a list, want "key: value" entries`,
		"audit:":                                             "f:1:1: audit has no value give it one, or remove the key",
		"audit: {dir: 7}":                                    `f:1:14: dir is a number, want text: write "7", in quotes`,
		"audit: {dir: ''}":                                   "f:1:14: dir is empty give it a value, or remove it",
		"audit: {every: 07}":                                 "f:1:16: every is a number, want a whole number in decimal digits",
		"audit: {index: {enabled: yes}}":                     "f:1:26: enabled is text, want true or false",
		"listeners: {}":                                      "f:1:12: listeners is a mapping, want a list: [one, another]",
		"listeners: [{most: 101}]":                           "f:1:20: most is out of range: want 1 to 100",
		"listeners:\n- level: none":                          "f:2:10: level is out of range: want low to high",
		"listeners:\n- level: up":                            `f:2:10: level "up": want low, mid or high`,
		"listeners:\n- level: []":                            "f:2:10: level is a list, want a level",
		"credentials: {a b: {class: x}}":                     `f:1:15: name "a b": want up to 64 letters, digits, "-" or "_", beginning with a letter or digit`,
		"listeners: [{called: 7}]":                           `f:1:22: called is a number, want text: write "7", in quotes`,
		"listeners: [{called: ''}]":                          "f:1:22: called is empty give it a value, or remove it",
		"listeners: [{called: []}]":                          `f:1:22: called is a list, want "key: value" entries`,
		"listeners: [{called: {text: a, env: B}}]":           "f:1:14: want exactly one of text, env",
		"credentials: {a: {}}":                               "f:1:15: class is missing in credentials.a",
		"credentials: {a: {class: p}}":                       `f:1:26: unknown class "p": want partner, customer, other known: customer, other, partner`,
		"credentials: {a: {class: other}}":                   "f:1:26: class: not among the classes",
		"credentials: {a: {class: true}}":                    "f:1:26: class is true or false, want partner or customer or other write one of these words",
		"credentials: {a: {class: partner, Name: x}}":        `f:1:35: unknown key "Name" known: access_key, class, kinds, secret_key, security_token`,
		"callers: {a: {auth: [{access_key: {secret: x}}]}}":  "f:1:36: secrets are given by reference: {env: NAME} move the secret out of this file",
		"callers: {a: {auth: [{access_key: {secret: {}}}]}}": "f:1:36: want exactly one of env, file",
		"callers: {a: {auth: [{access_key: {secret: {env: A, file: B}}}]}}": "f:1:36: want exactly one of env, file",
		"listeners:\n-\naudit: {dir: x}":                                    "f:2:1: an entry of a list has no value write a value behind the dash",
		"":                                                                  "f: the file is empty",
		"- a":                                                               `f:1:1: want "key: value" lines, beginning with one such as "credentials:"`,
		"a: [b":                                                             "f:1:4: this is not YAML: sequence end token ']' not found",
	} {
		_, err := decode(text)
		var problem *Problem
		if !errors.As(err, &problem) {
			t.Errorf("%q: got %v", text, err)
			continue
		}
		where := ""
		if problem.Line > 0 {
			where = fmt.Sprintf(":%d:%d", problem.Line, problem.Column)
		}
		if got := strings.TrimSpace("f" + where + ": " + problem.Message + " " + problem.Suggestion); got != want {
			t.Errorf("%q: got\n%s, want\n%s", text, got, want)
		}
	}
}

// TestPlaces shows where a document finds its keys and values.
func TestPlaces(t *testing.T) {
	var file testFile
	d, err := Decode("f", []byte("audit:\n  dir: x\nlisteners:\n  - most: 3\n"), &file)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][2]Position{
		"audit": {{2, 3}, {1, 1}}, "audit.dir": {{2, 8}, {2, 3}}, "audit.none.at.all": {{2, 3}, {2, 3}}, "listeners": {{4, 3}, {3, 1}}, "listeners[0]": {{4, 5}, {4, 5}},
		"listeners[0].most": {{4, 11}, {4, 5}}, "listeners[1].most": {{4, 3}, {4, 3}}, "none": {},
	} {
		if got := [2]Position{d.Where(path), d.Key(path)}; got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	if !d.Has("audit.dir") || d.Has("audit.every") {
		t.Error("Has does not know what the file has")
	}
	d.Add(d.Key("audit.dir"), "audit.dir", "", "wrong")
	if !d.Failed("audit") || !d.Failed("audit.dir") || d.Failed("audit.di") || d.Failed("listeners") {
		t.Error("Failed does not know what failed")
	}
}
