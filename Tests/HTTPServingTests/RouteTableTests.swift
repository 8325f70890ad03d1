import Foundation
import HTTPTestKit
import Telemetry
import Testing

@testable import HTTPServing

@Suite struct RouteTableTests {
  private let seen = Seen()

  /// Routes with everything that a route can have.
  static func table(_ seen: Seen = Seen()) -> RouteTable {
    RouteTable(
      .init(title: "Test", version: "1.2.3", description: "Routes of a test."),
      components: [
        .init("Item", .object([.init("id", .string(1...256)), .init("price", JSONSchema.number().orNull, required: false)]))
      ],
      routes: [
        DocumentedRoute(
          "GET", "/v1/recommend/{user}", id: "recommend", tag: "Lists", summary: "The list of a user.",
          parameters: [
            .path("user", .string(1...8), "The id of the user."),
            .query("n", JSONSchema.integer(1...1000).withDefault(20), "The length of the list."),
            .query("category", .array(.string(1...20), count: 1...2), "Only items of these categories."),
            .query("diversity", .number(0...1), "From 0 to 1."), .query("explain", .boolean, "Whether to explain."),
            .query("seen", .oneOf(["exclude", "include"]), "What to do with seen items."),
          ],
          responses: [RouteResponse(200, "The list.", schema: .object([.init("items", .array(.component("Item")))]))]
        ) { request in
          seen.append("\(request.parameters["user"] ?? "") \(request.integer("n") ?? 20) \(request.queryValues("category"))")
          return .now(.json(["items": []] as JSONValue))
        },
        DocumentedRoute(
          "PUT", "/v1/items/{id}", id: "putItem", tag: "Items", summary: "Writes an item.", requirement: .role(.write),
          parameters: [.path("id", .string(1...256), "The id."), .header("If-Match", .string(), "The version.")],
          body: .json(.component("Item"), "the item", sizeMax: 100), responses: [RouteResponse(202, "It is written.")],
          problems: [.preconditionFailed]
        ) { request in
          seen.append("put \(request.body.count)")
          return .now(.empty(202))
        },
        DocumentedRoute(
          "GET", "/v1/items/{id}", id: "getItem", tag: "Items", summary: "An item.",
          parameters: [.path("id", .string(1...256), "The id."), .query("since", .integer(), "A version.", required: true)],
          responses: [RouteResponse(200, "The item.", schema: .component("Item"), headers: [.init("ETag", "The version.")])],
          problems: [.notFound]
        ) { _ in .now(.json(["id": "a"] as JSONValue)) },
        DocumentedRoute(
          "GET", "/livez", id: "getLivez", tag: "Health", summary: "Whether it lives.", requirement: .probe,
          responses: [RouteResponse(200, "It does.", schema: .string(), mediaType: "text/plain")]
        ) { _ in .now(.text("ok")) },
      ])
  }

  private func object(_ value: JSONValue) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(value.bytes)) as? [String: Any])
  }

  private func makeClient(_ policy: RouterPolicy = RouterPolicy()) throws -> RawClient {
    let server = try HTTPServer(HTTPServerConfiguration(), router: Self.table(seen).router(policy: policy))
    let client = try RawClient(port: server.port)
    client.companion = server
    return client
  }

  @Test func theRouterAndTheDocumentHaveTheSameRoutes() throws {
    let table = Self.table()
    let paths = try #require(try object(table.document)["paths"] as? [String: [String: Any]])
    let documented = Set(paths.flatMap { path, operations in operations.keys.map { "\($0.uppercased()) \(path)" } })
    #expect(documented == Set(table.router(policy: RouterPolicy()).methodsAndPatterns.map { "\($0.method) \($0.pattern)" }))
    #expect(documented.isSuperset(of: ["GET /v1/openapi.json", "GET /problems/{code}", "PUT /v1/items/{id}", "GET /livez"]))
  }

  @Test func theServedDocumentIsTheTablesAndHasAVersion() throws {
    let client = try makeClient()
    let response = try #require(client.get("/v1/openapi.json"))
    #expect(response.status == 200 && response.body == Self.table().document.text + "\n")
    let tag = try #require(response.headers["etag"])
    #expect(client.request("GET", "/v1/openapi.json", ["If-None-Match: \(tag)"])?.status == 304)
    let compressed = client.request("GET", "/v1/openapi.json", ["Accept-Encoding: gzip"])
    #expect(compressed?.headers["content-encoding"] == "gzip" && (compressed?.bytes.count ?? .max) < response.bytes.count / 2)
  }

  /// Every reference leads somewhere, ids are unique, every path parameter is described.
  @Test func theDocumentHoldsTogether() throws {
    let document = try object(Self.table().document)
    #expect(document["openapi"] as? String == "3.1.0")
    let components = try #require((document["components"] as? [String: Any])?["schemas"] as? [String: Any])
    let text = Self.table().document.text
    for match in text.matches(of: /"\$ref":"#\/components\/schemas\/([A-Za-z]+)"/) { #expect(components[String(match.output.1)] != nil) }
    let operations = try #require(document["paths"] as? [String: [String: [String: Any]]]).values.flatMap(\.values)
    let ids = operations.compactMap { $0["operationId"] as? String }
    #expect(ids.count == operations.count && Set(ids).count == ids.count)
    for operation in operations { #expect((operation["responses"] as? [String: Any])?.isEmpty == false && operation["security"] != nil) }
  }

  @Test func anOperationNamesItsParametersBodyProblemsAndRole() throws {
    let paths = try #require(try object(Self.table().document)["paths"] as? [String: [String: [String: Any]]])
    let recommend = try #require(paths["/v1/recommend/{user}"]?["get"])
    let parameters = try #require(recommend["parameters"] as? [[String: Any]])
    let n = try #require(parameters.first { $0["name"] as? String == "n" })
    #expect(Self.table().document.text.contains(#""schema":{"type":"integer","minimum":1,"maximum":1000,"default":20}"#))
    #expect(parameters.first { $0["name"] as? String == "user" }?["required"] as? Bool == true && n["required"] == nil)
    #expect(parameters.first { $0["name"] as? String == "category" }?["explode"] as? Bool == true)
    #expect(Set((recommend["responses"] as? [String: Any] ?? [:]).keys) == ["200", "400", "401", "403", "429", "503"])
    let put = try #require(paths["/v1/items/{id}"]?["put"])
    #expect(Set((put["responses"] as? [String: Any] ?? [:]).keys) == ["202", "400", "401", "403", "412", "413", "415", "429", "503"])
    #expect(put["security"] as? [[String: [String]]] == [["token": ["write"]]])
    #expect(paths["/v1/openapi.json"]?["get"]?["security"] as? [[String: [String]]] == [])
  }

  @Test(arguments: [
    ("n=0", "n"), ("n=1001", "n"), ("n=1.5", "n"), ("n=%2B5", "n"), ("n=", "n"), ("n=1&n=x", "n"), ("n=99999999999999999999", "n"),
    ("diversity=1.01", "diversity"), ("diversity=nan", "diversity"), ("diversity=0x1", "diversity"), ("explain=yes", "explain"),
    ("explain", "explain"), ("seen=all", "seen"), ("category=", "category"), ("category=a&category=b&category=c", "category"),
    ("catgory=home", "catgory"),
  ])
  func whatAParameterMustNotBeIsRefusedWithItsName(query: String, parameter: String) throws {
    let response = try #require(try makeClient().get("/v1/recommend/u?\(query)"))
    #expect(response.status == 400 && response.body.contains(#""parameter":"\#(parameter)""#), "\(response)")
    #expect(response.body.contains(#""code":"parameter""#) && seen.all == [])
  }

  @Test func parametersThatFitArriveAtTheHandler() throws {
    let client = try makeClient()
    #expect(client.get("/v1/recommend/u%2F1?n=1000&category=home&category=gift&diversity=0.5&explain=true&seen=include")?.status == 200)
    #expect(client.get("/v1/recommend/u?diversity=1e-3")?.status == 200)
    #expect(seen.all == ["u/1 1000 [\"home\", \"gift\"]", "u 20 []"])
    #expect(client.get("/v1/recommend/123456789")?.status == 400 && client.get("/v1/recommend/äöüäöüäö")?.status == 200)
    #expect(client.get("/v1/items/a")?.body.contains("since is missing") == true && client.get("/v1/items/a?since=-3")?.status == 200)
  }

  @Test func bodiesAreCheckedForTypeSizeAndPresence() throws {
    let client = try makeClient()
    let json = ["Content-Type: application/json; charset=utf-8"]
    #expect(client.request("PUT", "/v1/items/a", json, body: "{}")?.status == 202)
    #expect(client.request("PUT", "/v1/items/a", [], body: "{}")?.status == 202)
    let form = client.request("PUT", "/v1/items/a", ["Content-Type: application/x-www-form-urlencoded"], body: "{}")
    #expect(form?.status == 415 && form?.body.contains("application/json") == true)
    #expect(client.request("PUT", "/v1/items/a", json + ["Content-Encoding: gzip"], body: "x")?.status == 415)
    #expect(client.request("PUT", "/v1/items/a", json, body: "")?.status == 400)
    let large = client.request("PUT", "/v1/items/a", json, body: String(repeating: " ", count: 101))
    #expect(large?.status == 413 && large?.body.contains("larger than 100 bytes") == true)
    #expect(seen.all == ["put 2", "put 2"])
  }

  @Test func aProblemTypeCanBeLookedUp() throws {
    let client = try makeClient()
    for type in ProblemType.all { #expect(client.get(type.uri)?.body.contains(type.title) == true) }
    #expect(client.get("/problems/made_up")?.status == 404)
  }

  @Test func rolesOfTheTableAreAsked() throws {
    let reader = try AccessToken.make(name: "reader", role: .read)
    let file = try TemporaryFile(reader.line)
    let tokens = try AccessTokenFile(key: "k", path: file.path, log: .disabled) { try String(contentsOfFile: $0, encoding: .utf8) }
    let client = try makeClient(RouterPolicy(access: .tokens(tokens)))
    let token = ["Authorization: Bearer \(reader.token)"]
    #expect(client.get("/v1/recommend/u")?.status == 401 && client.request("GET", "/v1/recommend/u", token)?.status == 200)
    #expect(client.request("PUT", "/v1/items/a", token, body: "{}")?.status == 403 && client.get("/v1/openapi.json")?.status == 200)
  }
}
