// Makes calls with the provider's Node SDK, as an application would: reads {endpoint, accessKey, secretKey, domainId, calls}
// from standard input, and writes what came of each: the SDK's answer, or the exception that it throws.
"use strict";

const { readFileSync } = require("node:fs");
const { GlobalCredentials } = require("@huaweicloud/huaweicloud-sdk-core");
const { ClientBuilder } = require("@huaweicloud/huaweicloud-sdk-core/ClientBuilder");

const input = JSON.parse(readFileSync(0, "utf8"));
const client = new ClientBuilder((hcClient) => hcClient, "GlobalCredentials")
  .withEndpoint(input.endpoint)
  .withCredential(new GlobalCredentials({ ak: input.accessKey, sk: input.secretKey, domainId: input.domainId }))
  .build();

async function call({ method, url, pathParams = {}, queryParams = {}, data }) {
  try {
    const answer = await client.sendRequest({
      method, url, pathParams, queryParams, data, contentType: "application/json", headers: {},
    });
    return { status: answer.httpStatusCode };
  } catch (e) {
    return { status: e.httpStatusCode, code: e.errorCode, message: e.errorMsg || String(e) };
  }
}

async function main() {
  const results = [];
  for (const wanted of input.calls) {
    results.push(await call(wanted));
  }
  process.stdout.write("\n" + JSON.stringify(results)); // the last line: the SDK logs to standard output
}

main();
