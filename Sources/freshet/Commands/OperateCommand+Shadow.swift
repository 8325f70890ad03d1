import Foundation
import StreamingRecommender
import Telemetry

/// `freshet shadow set | remove`: another model beside the one in use, while the engine runs.
extension OperateCommand {
  func setShadow() throws {
    var settings: [String: String] = [:]
    if let path = context.options.string("job") {
      // What a shadow shares with the model in use is that model's.
      for setting in try JobDocument(path: path).settings.map(ParsedCommand.Setting.init(text:)) where setting.key.hasPrefix("model.") {
        if ShadowSettings.isShared(setting.key) {
          context.note("\(setting.key) is left out: a shadow shares histories, trend and transitions with the model in use")
        } else {
          settings[setting.key] = setting.value
        }
      }
    }
    for setting in context.parsed.operands.map(ParsedCommand.Setting.init(text:)) { settings[setting.key] = setting.value }
    guard !settings.isEmpty else {
      throw UsageError("name a setting in which the shadow differs, or a document with --job", usage: context.parsed.command.usage)
    }
    if let fault = ShadowSettings.fault(of: settings) { throw CommandFailure(fault, status: .usage) }
    var body: [String: Any] = ["settings": settings]
    body["name"] = context.options.string("name")
    try changedShadow(
      client().put("/v1/shadow", json: body),
      "the shadow is trained as soon as nothing else is; `freshet models` shows how it does, `freshet models promote` serves it")
  }

  func removeShadow() throws {
    try changedShadow(client().delete("/v1/shadow"), "the shadow is that of the configuration again, or none")
  }

  private func changedShadow(_ answer: AdminClient.Answer, _ sentence: String) throws {
    guard answer.status == 200 else { throw CommandFailure(Self.problem(answer)) }
    context.report(["shadow": .string(answer.object["shadow"] as? String ?? "")], text: sentence)
  }
}
