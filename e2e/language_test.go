package e2e

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"

	"tollgate/internal/bsssim"
)

// TestLanguage reads refusals as people do who ask for Chinese: in the exception of the provider's SDK, and with curl over both versions of HTTP.
// The log and the records do not change.
func TestLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	shop := w.shop(p)
	shop.secret += "x"
	for language, want := range map[string]string{"zh_CN": "签名与请求不符：", "en_US": "The signature does not match the request: "} {
		_, err := shop.bss(t).ListServiceTypes(&model.ListServiceTypesRequest{XLanguage: &language})
		refused, ok := errors.AsType[*sdkerr.ServiceResponseError](err)
		if !ok || refused.ErrorCode != "TG.2006" || !strings.HasPrefix(refused.ErrorMessage, want) {
			t.Errorf("%s: %v", language, err)
		}
	}
	for _, version := range []string{"--http1.1", "--http2"} {
		answer := tool(t, "", "curl", "--silent", "--show-error", "--noproxy", "*", version, "--cacert", w.file("ca.pem"), "--connect-to", "::"+p.address("https"),
			"--header", "X-Language: zh_CN", "https://"+gatewayName+"/v2/nothing")
		var problem struct {
			Code   string `json:"error_code"`
			Msg    string `json:"error_msg"`
			Title  string
			Detail string
		}
		if err := json.Unmarshal([]byte(answer), &problem); err != nil {
			t.Fatalf("%s: %v in %s", version, err, answer)
		}
		if problem.Code != "TG.2001" || !strings.HasPrefix(problem.Msg, "无法识别调用方：没有任何内容表明调用方身份") || problem.Title != "The caller is not known" || !strings.HasPrefix(problem.Detail, "nothing says who is calling") {
			t.Errorf("%s: %s", version, answer)
		}
	}
	p.stop()
	for _, r := range w.records() {
		if strings.ContainsAny(r.Detail+r.Reason, "签名调用方") {
			t.Errorf("a record in Chinese: %s", r.Detail)
		}
	}
}
