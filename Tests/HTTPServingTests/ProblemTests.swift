import HTTPServing
import HTTPTestKit
import Telemetry
import Testing

@Suite struct ProblemTests {
  @Test func aProblemHasTheMembersOfRFC9457AndOurs() {
    var problem = Problem(
      .filterSyntax, "unexpected `)` near redis://u:CANARY@h", fix: "close the bracket", position: 12,
      members: [.init("parameter", "filter")])
    problem.instance = "/v1/recommend/u"
    let response = problem.response
    #expect(response.status == 400 && response.contentType == "application/problem+json")
    #expect(
      String(decoding: response.body, as: UTF8.self) == #"{"type":"/problems/filter_syntax","title":"The filter cannot be parsed","#
        + #""status":400,"detail":"unexpected `)` near redis://***@h","instance":"/v1/recommend/u","code":"filter_syntax","#
        + #""fix":"close the bracket","position":12,"parameter":"filter"}"# + "\n")
  }

  @Test func codesAreUniqueAndEveryStatusHasOne() {
    let codes = ProblemType.all.map(\.code)
    #expect(Set(codes).count == codes.count)
    for status in [400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 428, 429, 500, 503] {
      #expect(ProblemType.of(status: status).status == status)
    }
    #expect(ProblemType.of(status: 418).status == 418 && ProblemType.of(status: 502).code == "internal_error")
  }

  private func makeServer(writesErrorMember: Bool) throws -> TestServer {
    var policy = RouterPolicy()
    policy.writesErrorMember = writesErrorMember
    return try TestServer(policy: policy, { $0.bodyBytesMax = 10 }) { router in
      router.add("POST", "/items/{id}") { (_) throws(Problem) in
        throw Problem(.preconditionFailed, "somebody else changed it", fix: "read it again", headers: [.init("ETag", "\"9\"")])
      }
    }
  }

  @Test(arguments: [true, false]) func everyErrorOfTheServerIsAProblem(writesErrorMember: Bool) throws {
    let client = try makeServer(writesErrorMember: writesErrorMember).client()
    for (method, path, body, status, code) in [
      ("POST", "/items/a%2Fb", "x", 412, "precondition_failed"), ("GET", "/nowhere", "", 404, "not_found"),
      ("PUT", "/items/1", "", 405, "method_not_allowed"), ("GET", "/%00", "", 400, "bad_request"),
      ("POST", "/items/1", "more than ten bytes", 413, "content_too_large"), ("POST", "/items/1?a=%", "", 400, "parameter"),
    ] {
      let response = try #require(client.request(method, path, body: body))
      #expect(response.status == status && response.headers["content-type"] == "application/problem+json", "\(response)")
      #expect(response.body.contains(#""code":"\#(code)""#) && response.body.contains(#""status":\#(status)"#))
      #expect(response.body.contains(#""instance":"\#(path.prefix { $0 != "?" })""#) && response.body.contains(#""fix":""#))
      #expect(response.body.contains(#""error":""#) == writesErrorMember)
    }
    #expect(client.request("POST", "/items/1", body: "")?.headers["etag"] == "\"9\"")
  }
}
