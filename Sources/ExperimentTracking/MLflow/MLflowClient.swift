import Foundation
import HTTPRequests
import Telemetry

/// Sends finished runs to a server of MLflow 3 over its REST interface.
///
/// A value that any thread may use; each call opens a connection of its own and blocks until it is done or the deadline has passed.
public struct MLflowClient: Sendable {
  private let settings: MLflowSettings
  private let address: HTTPAddress
  var policy = RepetitionPolicy()

  /// Asks nothing of the server.
  public init(_ settings: MLflowSettings) throws(TrackingError) {
    self.settings = settings
    do throws(HTTPAddress.Refusal) { address = try HTTPAddress(parsing: settings.uri) } catch {
      throw TrackingError(.invalidSettings, "mlflow.uri: \(error)")
    }
  }

  /// The address as it may be shown.
  public var url: String { address.url }

  /// Finds out whether a server of MLflow answers, and takes the credentials.
  public func check() throws(TrackingError) {
    _ = try session().repeated(.anyExperiment, MLflowAnswers.Nothing.self)
  }

  /// Stores a run with its parameters, metrics, tags and artifacts, and registers its model.
  ///
  /// The run exists on the server before it is complete; if what follows fails, it is marked there as failed. Calls that fail for a while
  /// are repeated, and nothing is stored twice by that.
  public func send(_ run: TrackedRun) throws(TrackingError) -> SentRun {
    if let problem = run.problem { throw TrackingError(.invalidRun, problem) }
    let entries = MLflowEntries(run)
    let session = session()
    let experimentID = try self.experimentID(run.experiment, session)
    let info = try create(run, experimentID, session)
    do throws(TrackingError) {
      for batch in entries.batches { _ = try session.repeated(.logBatch(batch, runID: info.id), MLflowAnswers.Nothing.self) }
      try sendArtifacts(run, info, session)
      let version = try register(run, info, session)
      _ = try session.repeated(
        .updateRun(info.id, status: run.status, endedMilliseconds: run.endedMilliseconds), MLflowAnswers.Nothing.self)
      return SentRun(
        experimentID: experimentID, runID: info.id, modelVersion: version,
        pageURL: "\(address.url)/#/experiments/\(experimentID)/runs/\(info.id)", omittedMetrics: entries.omittedMetrics,
        shortenedValues: entries.shortenedValues)
    } catch {
      session.markAsFailed(info.id, endedMilliseconds: run.endedMilliseconds)
      throw error
    }
  }

  private func session() -> MLflowSession {
    var repetition = Repetition(within: settings.deadline)
    repetition.policy = policy
    return MLflowSession(settings, address, repetition)
  }

  // MARK: Steps

  /// Asked for first, because creating one that exists leaves an error in the log of the server.
  private func experimentID(_ name: String, _ session: MLflowSession) throws(TrackingError) -> String {
    if let known = try knownExperiment(name, session) { return known }
    do throws(TrackingError) {
      return try session.repeated(.createExperiment(name), MLflowAnswers.NewExperiment.self).id
    } catch {
      // Somebody was faster, or the answer to the first attempt was lost. The status would be 400 for other mistakes, too.
      guard error.serverCode == "RESOURCE_ALREADY_EXISTS", let known = try knownExperiment(name, session) else { throw error }
      return known
    }
  }

  private func knownExperiment(_ name: String, _ session: MLflowSession) throws(TrackingError) -> String? {
    let found: MLflowAnswers.Experiment.Content
    do throws(TrackingError) { found = try session.repeated(.experiment(named: name), MLflowAnswers.Experiment.self).experiment } catch {
      guard error.serverCode == "RESOURCE_DOES_NOT_EXIST" else { throw error }
      return nil
    }
    guard found.stage != "deleted" else {
      throw TrackingError(
        .deletedExperiment,
        "the experiment \"\(name)\" was deleted in MLflow at \(address.url): "
          + "restore it there (`mlflow experiments restore -x \(found.id)`), or set another mlflow.experiment"
      )
    }
    return found.id
  }

  private func create(
    _ run: TrackedRun, _ experimentID: String, _ session: MLflowSession
  ) throws(TrackingError) -> MLflowAnswers.Run.Info {
    let delivery = UUID().uuidString.lowercased()
    return try session.repetition.perform { attempt throws(TrackingError) in
      // It may have been created although no answer came.
      if attempt > 1,
        let found = try session.once(.runs(experimentID: experimentID, delivery: delivery), MLflowAnswers.Runs.self).runs?.first
      {
        return found.info
      }
      return try session.once(.createRun(run, experimentID: experimentID, delivery: delivery), MLflowAnswers.NewRun.self).run.info
    }
  }

  private func sendArtifacts(_ run: TrackedRun, _ info: MLflowAnswers.Run.Info, _ session: MLflowSession) throws(TrackingError) {
    guard !run.artifacts.isEmpty else { return }
    guard let root = MLflowCall.artifactRoot(info.artifactURI) else {
      throw TrackingError(
        .refused,
        "MLflow at \(address.url) does not take the artifacts of this experiment itself, but wants them in "
          + "\(Redaction.text(info.artifactURI)): start it with --artifacts-destination, and set an mlflow.experiment that is new"
      )
    }
    for artifact in run.artifacts { _ = try session.repeated(.putArtifact(artifact, root: root), MLflowAnswers.Nothing.self) }
  }

  private func register(
    _ run: TrackedRun, _ info: MLflowAnswers.Run.Info, _ session: MLflowSession
  ) throws(TrackingError) -> String? {
    guard let registration = run.registration else { return nil }
    do throws(TrackingError) { _ = try session.repeated(.createModel(registration.model), MLflowAnswers.Nothing.self) } catch {
      guard error.serverCode == "RESOURCE_ALREADY_EXISTS" else { throw error }
    }
    let version = try session.repetition.perform { attempt throws(TrackingError) in
      if attempt > 1, let found = try session.once(.versions(runID: info.id), MLflowAnswers.Versions.self).versions?.first {
        return found.version
      }
      let call = MLflowCall.createVersion(registration, runID: info.id, artifactURI: info.artifactURI)
      return try session.once(call, MLflowAnswers.NewVersion.self).version.version
    }
    if let alias = registration.alias {
      _ = try session.repeated(.setAlias(alias, model: registration.model, version: version), MLflowAnswers.Nothing.self)
    }
    return version
  }
}
