package bsssim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// answer is what goes back: a JSON value, an HTML page, or nothing.
type answer struct {
	status  int
	body    any
	html    string
	english bool // what body has as words
}

// object is a JSON object under construction.
type object map[string]any

func ok(body object) *answer { return &answer{status: http.StatusOK, body: body} }

// done is the answer of operations whose response model has no fields.
func done() *answer { return &answer{status: http.StatusNoContent} }

// fail answers in the v2 shape: error_code and error_msg, present on failure only.
func fail(status int, code string) *answer { return failText(status, code, messages[code]) }

func failText(status int, code string, text any) *answer {
	return &answer{status: status, body: object{"error_code": code, "error_msg": text}}
}

// ok1 answers in the v1 shape: error_code always present.
func ok1(body object) *answer {
	if body == nil {
		body = object{}
	}
	body["error_code"], body["error_msg"] = "CBC.0000", "Success"
	return ok(body)
}

// fail1 is a v1 business failure: HTTP 200 with a code.
func fail1(code string) *answer { return fail(http.StatusOK, code) }

// gatewayError answers as the API gateway in front of BSS does; write adds the request id.
func gatewayError(status int, code, text string) *answer {
	return &answer{status: status, body: object{"error_code": code, "error_msg": text, "request_id": ""}}
}

func signatureError(reason string) *answer {
	return gatewayError(http.StatusUnauthorized, "APIG.0301", "Incorrect IAM authentication information: "+reason)
}

// encode returns the body's bytes and content type.
func (a *answer) encode(requestID string) (body []byte, contentType string) {
	if a.html != "" {
		return []byte(a.html), "text/html"
	}
	if a.body == nil {
		return nil, ""
	}
	if o, isObject := a.body.(object); isObject {
		if _, has := o["request_id"]; has {
			o["request_id"] = requestID
		}
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(translate(a.body, a.english)); err != nil {
		panic("bsssim: encoding an answer: " + err.Error()) // the values are our own
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), "application/json;charset=UTF-8"
}

func (a *answer) write(w http.ResponseWriter, requestID string) {
	body, contentType := a.encode(requestID)
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // the caller may have left
}
