package fleet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// verdict is what an answer says about its question.
type verdict int

const (
	answered  verdict = iota // the script ran
	failed                   // the script ran, and its body failed
	stale                    // of another epoch, or of a connection that has been replaced: nothing was done
	unordered                // a question before it was not done: nothing was done
	missing                  // Redis does not have the script: nothing was done
	broken                   // anything else: what was done is not known, and the connection is not to be used again
)

// judge reads the answer to the question of a number. Answers of our scripts have the number in them, so that one too many or too few on a
// connection does not become the answer to another question.
func judge(number uint64, reply any, err error) (verdict, any, error) {
	if err != nil {
		return judgeError(number, err)
	}
	pair, ok := reply.([]any)
	if !ok || len(pair) != 2 || pair[0] != strconv.FormatUint(number, 10) {
		return broken, nil, fmt.Errorf("an answer that is not for question %d", number)
	}
	if err, isErr := pair[1].(error); isErr {
		return broken, nil, fmt.Errorf("an error in place of an answer: %w", err)
	}
	return answered, pair[1], nil
}

func judgeError(number uint64, err error) (verdict, any, error) {
	said, ok := errors.AsType[redis.Error](err)
	if !ok || errors.Is(err, redis.Nil) {
		return broken, nil, err
	}
	word, rest, _ := strings.Cut(said.Error(), " ")
	if word == "NOSCRIPT" {
		return missing, nil, err
	}
	of, text, _ := strings.Cut(rest, " ")
	if of != strconv.FormatUint(number, 10) {
		return broken, nil, err
	}
	switch word {
	case "EPOCH", "FENCED":
		return stale, nil, err
	case "ORDER":
		return unordered, nil, err
	case "FAILED":
		return failed, nil, failure(text)
	}
	return broken, nil, err
}

// failure is what the body of a script failed with.
type failure string

func (f failure) Error() string { return string(f) }
func (failure) RedisError()     {}

// fields reads the values of an answer one after the other. After a value of the wrong type it is not ok, and all values are zero.
type fields struct {
	rest []any
	bad  bool
}

func fieldsOf(reply any) *fields {
	list, ok := reply.([]any)
	return &fields{list, !ok}
}

func field[T any](f *fields) (value T) {
	if len(f.rest) == 0 {
		f.bad = true
		return value
	}
	value, ok := f.rest[0].(T)
	f.rest, f.bad = f.rest[1:], f.bad || !ok
	return value
}

func (f *fields) text() string { return field[string](f) }
func (f *fields) int() int64   { return field[int64](f) }
func (f *fields) list() []any  { return field[[]any](f) }

// decimal reads a text that is a whole number.
func (f *fields) decimal() int64 {
	n, err := strconv.ParseInt(f.text(), 10, 64)
	if err != nil || n < 0 {
		f.bad = true
		return 0
	}
	return n
}

func (f *fields) texts() []string {
	var texts []string
	for _, value := range f.list() {
		text, ok := value.(string)
		f.bad = f.bad || !ok
		texts = append(texts, text)
	}
	return texts
}

// err reports what is wrong: a value of the wrong type, one that is missing, or one too many.
func (f *fields) err(what string) error {
	if f.bad || len(f.rest) != 0 {
		return fmt.Errorf("a %s that is not as its script makes it", what)
	}
	return nil
}
