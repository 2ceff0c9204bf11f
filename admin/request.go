package admin

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// maxBody is how many bytes the body of a request may have.
	maxBody = 64 << 10
	// maxBodyTime is how long it may take to come.
	maxBodyTime = 10 * time.Second
)

// call returns the handler of an act: a JSON request with its parameters in, a JSON answer or an error out.
func call[Q, A any](s *Server, do func(context.Context, Peer, Q) (A, error)) handler {
	return func(w http.ResponseWriter, r *http.Request, p Peer) {
		if do == nil {
			writeError(w, &Error{http.StatusNotImplemented, "the gateway cannot do this"})
			return
		}
		var request Q
		answer, err := *new(A), s.read(w, r, &request)
		if err == nil {
			answer, err = do(r.Context(), p, request)
		}
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

// read reads a request: its parameters are the fields with a tag `query`, its body has the others.
func (s *Server) read(w http.ResponseWriter, r *http.Request, into any) error {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(cmp.Or(s.bodyTime, maxBodyTime))) // the server's own deadline holds besides
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch _, tooLarge := errors.AsType[*http.MaxBytesError](err); {
	case tooLarge:
		return &Error{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", maxBody)}
	case err != nil:
		return &Error{http.StatusRequestTimeout, "the body did not come whole, or not in time"}
	case len(body) == 0:
		body = []byte("{}")
	case !isJSON(r.Header.Get("Content-Type")):
		return &Error{http.StatusUnsupportedMediaType, "the body has to be application/json"}
	}
	if err = readBody(body, into); err == nil {
		err = readQuery(r.URL.RawQuery, into)
	}
	if err != nil {
		return &Error{http.StatusBadRequest, err.Error()}
	}
	return nil
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// readBody reads a JSON object, whose members are known and stand there once.
func readBody(body []byte, into any) error {
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok {
		why := "is no " + kindOf(wrong.GoType)
		if errors.Is(err, json.ErrUnknownName) {
			why = "is not known"
		} else if wrong.Err != nil {
			why = wrong.Err.Error()
		}
		return fmt.Errorf("the body: %q %s", string(wrong.JSONPointer), why)
	}
	if err != nil || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) { // null would be taken for an empty one
		return errors.New("the body is no JSON object with each member once")
	}
	return nil
}

// kindOf returns what a type is called in messages.
func kindOf(t reflect.Type) string {
	switch {
	case t == nil:
		return "value of its kind"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Struct:
		return "object"
	}
	return t.Kind().String()
}

// readQuery reads the parameters of a request into the fields that have their names as tag `query`: texts, and booleans, which a
// parameter without a value sets.
func readQuery(raw string, into any) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return errors.New("the query is malformed")
	}
	target := reflect.ValueOf(into).Elem()
	for i := range target.NumField() {
		name := target.Type().Field(i).Tag.Get("query")
		if given := values[name]; name != "" && len(given) > 0 {
			if err := setParameter(target.Field(i), name, given); err != nil {
				return err
			}
			delete(values, name)
		}
	}
	for name := range values {
		return fmt.Errorf("the parameter %q is not known", name)
	}
	return nil
}

func setParameter(field reflect.Value, name string, given []string) error {
	switch {
	case len(given) > 1:
		return fmt.Errorf("the parameter %s is there twice", name)
	case field.Kind() == reflect.String:
		field.SetString(given[0])
		return nil
	}
	on, err := strconv.ParseBool(cmp.Or(given[0], "true"))
	if err != nil {
		return fmt.Errorf("the parameter %s is true or false", name)
	}
	field.SetBool(on)
	return nil
}
