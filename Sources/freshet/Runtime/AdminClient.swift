import Foundation
import StreamingRecommender

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// An HTTP client of a running engine's admin server.
struct AdminClient {
  let address: String
  private let tokenFile: String
  /// The command line that starts the engine with the caller's options, for the error message if none answers.
  private let serveLine: String

  init(_ configuration: RecommenderConfiguration, serveLine: String) {
    address = Self.reachable(configuration.admin.listen)
    tokenFile = configuration.admin.tokenFile
    self.serveLine = serveLine
  }

  /// An engine that listens on all interfaces is reached over the loopback one.
  static func reachable(_ address: String) -> String {
    for (all, loopback) in [("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")] where address.hasPrefix(all) {
      return loopback + address.dropFirst(all.count)
    }
    return address
  }

  struct Answer {
    var status: Int
    var object: [String: Any]
    var text: String
  }

  func get(_ path: String) throws -> Answer { try send("GET", path) }
  func post(_ path: String, json body: [String: Any]? = nil) throws -> Answer {
    try send("POST", path, body: body.map { try JSONSerialization.data(withJSONObject: $0) })
  }

  func put(_ path: String, json body: [String: Any]? = nil) throws -> Answer {
    try send("PUT", path, body: body.map { try JSONSerialization.data(withJSONObject: $0) })
  }
  func delete(_ path: String) throws -> Answer { try send("DELETE", path) }

  private func send(_ method: String, _ path: String, body: Data? = nil) throws -> Answer {
    guard let url = URL(string: "http://\(address)\(path)") else { throw CommandFailure("admin.listen \(address) is not an address") }
    var request = URLRequest(url: url, timeoutInterval: 10)
    request.httpMethod = method
    request.httpBody = body
    if !tokenFile.isEmpty { request.setValue("Bearer \(try AdminToken.read(tokenFile))", forHTTPHeaderField: "Authorization") }
    let box = AnswerBox()
    let done = DispatchSemaphore(value: 0)
    URLSession.shared.dataTask(with: request) { data, response, error in
      box.data = data
      box.status = (response as? HTTPURLResponse)?.statusCode
      done.signal()
    }.resume()
    done.wait()
    guard let status = box.status, let data = box.data else {
      throw CommandFailure(
        "no engine answers on \(address): is \(serveLine) running? Name its directory with --data-dir or its address with --admin")
    }
    guard status != 401 else {
      throw CommandFailure("the engine at \(address) needs a token: name its file with --set admin.token_file=FILE")
    }
    let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
    return Answer(status: status, object: object, text: String(decoding: data, as: UTF8.self))
  }

  /// Written by the task, read after the semaphore.
  private final class AnswerBox: @unchecked Sendable {
    var data: Data?
    var status: Int?
  }
}
