import Foundation
import Testing

extension EndToEnd {
  /// An engine and a gateway as two processes, with real servers.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct GatewayStoryTests {
    private struct Stage {
      let scene: Scene
      let gateway: Program
      let address: String

      init(_ name: String, settings: [String] = []) throws {
        let items = Bench.fresh(name + "-items")
        let shared = ["items.topic=\(items)", "publish.rows=true", "topn.when_empty=absent"] + settings
        scene = try Scene(name, settings: shared)
        let made = try freshet(["topics", "create", "--set", "items.topic=\(items)"] + scene.address)
        guard made.status == 0 else { throw Failure(made.messages) }
        try scene.engine.start()
        let program = try Program(
          [Place.binary, "gateway", "--data-dir", scene.engine.directory, "--listen", "127.0.0.1:0"]
            + shared.flatMap { ["--set", $0] })
        gateway = program
        var found = ""
        try eventually("the address of the gateway") {
          if let status = program.status { throw Failure("the gateway ended with \(status): \(program.standardError)") }
          guard let line = program.standardError.split(separator: "\n").first(where: { $0.contains("gateway listens") }),
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
          else { return false }
          found = object["address"] as? String ?? ""
          return !found.isEmpty
        }
        address = found
      }

      func call(_ method: String, _ path: String, _ body: String = "", _ headers: [String: String] = [:]) throws -> (
        status: Int, object: [String: Any]
      ) {
        let json = body.isEmpty ? [:] : ["Content-Type": "application/json"]
        let answer = try ask(method, address, path, headers: json.merging(headers) { $1 }, body: body)
        return (answer.status, (try? JSONSerialization.jsonObject(with: Data(answer.body.utf8))) as? [String: Any] ?? [:])
      }

      func list(_ path: String) throws -> [String] {
        let answer = try call("GET", path)
        guard answer.status == 200, let items = answer.object["items"] as? [[String: Any]] else { throw Failure("\(path): \(answer)") }
        return items.compactMap { $0["item"] as? String }
      }
    }

    /// Two groups of people and things: a user of one group uses things of it.
    private func events() -> String {
      var lines: [String] = []
      for user in 0..<40 {
        for step in 0..<12 { lines.append(#"{"user_id":"u\#(user)","item_id":"i\#((step * 7 + user) % 20 * 2 + user % 2)"}"#) }
      }
      return lines.joined(separator: "\n")
    }

    @Test func aUsersStory() throws {
      let stage = try Stage("story")
      for item in 0..<40 {
        let kind = item % 2 == 0 ? "even" : "odd"
        let put = try stage.call(
          "PUT", "/v1/items/i\(item)?wait=5s", #"{"title":"Thing \#(item)","categories":["\#(kind)"],"price":\#(item)}"#)
        #expect(put.status == 200, "\(put)")
      }
      let sent = try ask(
        "POST", stage.address, "/v1/events", headers: ["Content-Type": "application/x-ndjson"], body: events())
      #expect(sent.status == 202, "\(sent)")
      try stage.scene.engine.settle(applied: 480)
      let trained = try freshet(["retrain", "--wait", "--data-dir", stage.scene.engine.directory])
      #expect(trained.status == 0, "\(trained.messages)")
      try eventually("the gateway has the matrix") { try stage.call("GET", "/readyz").status == 200 }

      // Event in, list changed.
      let before = try stage.list("/v1/recommend/u0?n=10")
      let liked = try #require(before.first)
      #expect(try stage.call("POST", "/v1/events", #"{"user_id":"u0","item_id":"\#(liked)","event_value":3}"#).status == 202)
      try eventually("the list changes") { try !stage.list("/v1/recommend/u0?n=10").contains(liked) }
      #expect(try stage.list("/v1/recommend/u0?n=10&seen=include").contains(liked))

      // The stored list and the computed one are the same.
      let stored = try stage.list("/v1/recommend/u3?n=5")
      #expect(try stage.list("/v1/recommend/u3?n=5&filter=price%20%3E%3D%200") == stored)
      let odd = try stage.list("/v1/recommend/u3?n=5&category=odd")
      #expect(!odd.isEmpty && odd.allSatisfy { Int($0.dropFirst())! % 2 == 1 })

      // Why.
      let why = try stage.call("GET", "/v1/explain/u0/\(try #require(stage.list("/v1/recommend/u0?n=1").first))")
      #expect(why.status == 200 && (why.object["interactions"] as? [Any])?.isEmpty == false, "\(why)")

      // Item hidden: at once at the gateway, and in the stored list soon after.
      let hidden = try #require(stored.first)
      let tag = try stage.call("GET", "/v1/items/\(hidden)").object
      #expect(tag["title"] as? String != nil, "\(tag)")
      let patched = try stage.call("PATCH", "/v1/items/\(hidden)?wait=5s", #"{"hidden":true}"#, ["If-Match": "*"])
      #expect(patched.status == 200, "\(patched)")
      try eventually("the gateway leaves it out", within: 5) { try !stage.list("/v1/recommend/u3?n=5").contains(hidden) }
      try eventually("the stored list leaves it out", within: 20) {
        let direct = try freshet(["recommend", "u3", "--json", "-n", "20", "--data-dir", stage.scene.engine.directory])
        return direct.status == 0 && !direct.output.contains("\"\(hidden)\"")
      }

      // Rule pinned.
      let pinned = "i39"
      let rule = try stage.call("PUT", "/v1/rules/spring", #"{"kind":"pin","target":{"item":"\#(pinned)"},"position":1}"#)
      #expect((200...201).contains(rule.status), "\(rule)")
      try eventually("the pin is in force", within: 5) { try stage.list("/v1/recommend/u4?n=3").first == pinned }

      // Model rolled back: a new epoch, which the gateway follows.
      let directory = ["--data-dir", stage.scene.engine.directory]
      let retrained = try freshet(["retrain", "--wait"] + directory)
      #expect(retrained.status == 0, "\(retrained.messages)")
      let back = try freshet(["models", "rollback", "1", "--wait", "--json"] + directory)
      #expect(back.status == 0, "\(back.messages)")
      let models = try freshet(["models", "--json"] + directory).json
      #expect(models["rolled_back_to"] as? Int == 1 && models["epoch"] as? Int == 3, "\(models)")
      #expect(models["kept_epochs"] as? [Int] == [1, 2, 3] || models["kept_epochs"] as? [Int] == [1, 2], "\(models)")
      #expect(((models["models"] as? [[String: Any]])?.first?["churn"] as? [String: Any])?["overlap"] as? Double != nil, "\(models)")
      try eventually("the gateway serves the new epoch") {
        let answer = try stage.call("GET", "/v1/recommend/u4?n=3").object
        return answer["epoch"] as? Int == 3 && (answer["items"] as? [[String: Any]])?.first?["item"] as? String == pinned
      }
      let refused = try freshet(["models", "rollback", "3", "--wait"] + directory)
      #expect(refused.status == 1 && refused.output.contains("epoch 3 is the one in use"), "\(refused)")
      let unknown = try freshet(["models", "rollback", "33"] + directory)
      #expect(unknown.status == 1 && unknown.messages.contains("epoch 33 is not kept"), "\(unknown)")
      #expect(try freshet(["retrain", "--resume"] + directory).status == 0)
      try eventually("retrains go on") { try freshet(["models", "--json"] + directory).json["rolled_back_to"] as? Int == nil }

      // User forgotten.
      #expect(try stage.call("DELETE", "/v1/users/u4").status == 202)
      try eventually("the user is forgotten") {
        try stage.call("GET", "/v1/recommend/u4?n=3").object["source"] as? String != "foldin"
          && freshet(["recommend", "u4", "--json", "--data-dir", stage.scene.engine.directory]).json["source"] as? String == "popular"
      }
      stage.gateway.signal(SIGTERM)
      #expect(try stage.gateway.wait(within: 20) == 0)
      #expect(try stage.scene.engine.stop() == 0)
    }

    @Test func wrongRequestsAreProblemsWithAFix() throws {
      let stage = try Stage("problems")
      for (method, path, body, status, code) in [
        ("GET", "/v1/recommend/u?n=0", "", 400, "parameter"),
        ("GET", "/v1/recommend/u?filter=price%20%3C%20%2210%22", "", 400, "filter_type"),
        ("GET", "/v1/recommend/u?filter=price%20%3C", "", 400, "filter_syntax"), ("GET", "/v1/nothing", "", 404, "not_found"),
        ("POST", "/v1/events", #"{"user_id":"u"}"#, 400, "events"), ("GET", "/v1/recommend/a%00b", "", 400, ""),
        ("PATCH", "/v1/items/i1", #"{"hidden":true}"#, 404, "not_found"),
      ] {
        let answer = try stage.call(method, path, body, method == "PATCH" ? ["If-Match": "*"] : [:])
        #expect(answer.status == status && (answer.object["fix"] as? String)?.isEmpty == false, "\(method) \(path): \(answer)")
        if !code.isEmpty { #expect(answer.object["code"] as? String == code, "\(method) \(path): \(answer)") }
      }
      stage.gateway.signal(SIGTERM)
      #expect(try stage.gateway.wait(within: 20) == 0)
    }

    /// Tokens by role, in the gateway that `serve` starts.
    @Test func tokensOpenWhatTheirRolesAllow() throws {
      let made = try ["read", "write"].map { try freshet(["token", "new", "shop-\($0)", $0, "--json"]).json }
      let lines = made.map { $0["line"] as? String ?? "" }.joined(separator: "\n")
      let file = try Bench.write("tokens", lines)
      chmod(file, 0o600)
      let stage = try Stage("tokens", settings: ["gateway.token_file=\(file)"])
      func status(_ method: String, _ path: String, _ token: Int?, _ body: String = "") throws -> Int {
        try stage.call(method, path, body, token.map { ["Authorization": "Bearer \(made[$0]["token"] as? String ?? "")"] } ?? [:]).status
      }
      let event = #"{"user_id":"u","item_id":"i"}"#
      #expect(try status("GET", "/v1/popular", nil) == 401)
      #expect(try status("POST", "/v1/events", 0, event) == 403)
      #expect(try status("POST", "/v1/events", 1, event) == 202)
      #expect(try status("GET", "/livez", nil) == 200)
      try eventually("a popular list") { try status("GET", "/v1/popular", 0) == 200 }
      #expect(!stage.gateway.standardError.contains(made[0]["token"] as? String ?? "?"))
      stage.gateway.signal(SIGTERM)
      #expect(try stage.gateway.wait(within: 20) == 0)
    }
  }
}
