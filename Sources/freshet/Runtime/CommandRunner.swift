import Foundation
import StreamingRecommender

/// Parses the arguments, runs the command, reports errors on standard error, and returns the exit status.
enum CommandRunner {
  static func run(_ arguments: [String]) -> ExitStatus {
    signal(SIGPIPE, SIG_IGN)
    do {
      let parsed = try CommandLineParser.parse(arguments)
      return try run(CommandContext(parsed))
    } catch {
      let report = ErrorReport(error)
      // Even if the command line cannot be parsed, `--json` decides the format of the error.
      let isJSON = arguments.prefix { $0 != "--" }.contains("--json")
      Terminal.note(isJSON ? report.json.text : report.text)
      return report.status
    }
  }

  /// Runs the command, and keeps its record if it leaves one.
  static func run(_ context: CommandContext) throws -> ExitStatus {
    switch try RunRecorder.start(context) {
    case .unrecorded: return try perform(context)
    case .alreadyDone(let record):
      context.report(record.result, text: "\(record.id) has done it already")
      return .done
    case .recording(let recorder):
      var context = context
      context.recorder = recorder
      do {
        let status = try perform(context)
        context.end(recorder, status == .done ? .done : .failed, nil)
        return status
      } catch {
        context.end(recorder, .failed, ErrorReport(error).problems.first)
        throw error
      }
    }
  }

  private static func perform(_ context: CommandContext) throws -> ExitStatus {
    switch context.parsed.command.id {
    case .demo: try DemoCommand(context).run()
    case .serve: return try ServeCommand(context).run()
    case .gateway: return try GatewayCommand(context).run()
    case .produce: try ProduceCommand(context).run()
    case .validate: return try ValidateCommand(context).run()
    case .recommend: try ReadCommand(context).recommend()
    case .split: try SplitCommand(context).run()
    case .runJob: try RunCommand(context).run()
    case .popular: try ReadCommand(context).popular()
    case .similar: try ReadCommand(context).similar()
    case .titles: try TitlesCommand(context).run()
    case .retrain: return try OperateCommand(context).retrain()
    case .status: try OperateCommand(context).status()
    case .doctor: return try DoctorCommand(context).run()
    case .models: try OperateCommand(context).models()
    case .modelsRollback: return try OperateCommand(context).rollBack()
    case .modelsPromote: return try OperateCommand(context).promote()
    case .modelsKeep: try OperateCommand(context).keepModel()
    case .modelsRemove: try OperateCommand(context).removeModel()
    case .shadowSet: try OperateCommand(context).setShadow()
    case .shadowRemove: try OperateCommand(context).removeShadow()
    case .importFactors: return try OperateCommand(context).importFactors()
    case .republish: try OperateCommand(context).republish()
    case .forget: return try ForgetCommand(context).run()
    case .snapshot: return try OperateCommand(context).snapshot()
    case .train: try TrainCommand(context).run()
    case .evaluatePrequential: try EvaluateCommand(context).prequential()
    case .evaluateHoldout: try HoldoutCommand(context).run()
    case .evaluateModel: try EvaluateModelCommand(context).run()
    case .tune: try TuneCommand(context).run()
    case .benchmarkFreshness: try BenchmarkFreshnessCommand(context).run()
    case .benchmarkTrain: try BenchmarkTrainCommand(context).run()
    case .benchmarkFoldIn: try BenchmarkFoldInCommand(context).run()
    case .benchmarkTopN: try BenchmarkTopNCommand(context).run()
    case .benchmarkKernels: try BenchmarkKernelsCommand(context).run()
    case .benchmarkServe: try BenchmarkServeCommand(context).run()
    case .benchmarkRetrain: try BenchmarkRetrainCommand(context).run()
    case .build: try BuildCommand(context).run()
    case .export: try ExportCommand(context).run()
    case .runsList: try RunsCommand(context).list()
    case .runsShow: try RunsCommand(context).show()
    case .runsRerun: return try RunsCommand(context).rerun()
    case .runsClean: try RunsCommand(context).clean()
    case .compare: try CompareCommand(context).run()
    case .importLists: try ImportListsCommand(context).run()
    case .storeList: try StoreCommand(context).list()
    case .storeGet: try StoreCommand(context).get()
    case .storePut: try StoreCommand(context).put()
    case .storeRemove: try StoreCommand(context).remove()
    case .storeCreate: try StoreCommand(context).create()
    case .storeClean: try StoreCommand(context).clean()
    case .topicsCreate: return try TopicsCommand(context).create()
    case .tokenNew: try TokenCommand(context).new()
    case .estimate: try EstimateCommand(context).run()
    case .configShow: try ConfigCommand(context).show()
    case .configCheck: try ConfigCommand(context).check()
    case .completion: try CompletionCommand(context).run()
    case .version: VersionCommand(context).run()
    case .help: try HelpCommand(context).run()
    }
    return .done
  }
}
