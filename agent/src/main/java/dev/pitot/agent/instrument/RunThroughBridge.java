package dev.pitot.agent.instrument;

import dev.pitot.events.Spans;
import net.bytebuddy.asm.AsmVisitorWrapper;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.description.type.TypeDescription;
import net.bytebuddy.implementation.Implementation;
import net.bytebuddy.jar.asm.MethodVisitor;
import net.bytebuddy.jar.asm.Opcodes;
import net.bytebuddy.jar.asm.Type;
import net.bytebuddy.pool.TypePool;
import net.bytebuddy.utility.OpenedClassReader;

/**
 * Lets a pool's loop call {@link Spans#run} in place of {@code task.run()}. The task itself stays what it was wherever the application
 * may see it (queues, {@code remove}, {@code beforeExecute}, {@code shutdownNow}); advice cannot do that, as it surrounds whole methods.
 */
final class RunThroughBridge implements AsmVisitorWrapper.ForDeclaredMethods.MethodVisitorWrapper {
    private static final String BRIDGE = Type.getInternalName(Spans.class);

    @Override
    public MethodVisitor wrap(
            TypeDescription type,
            MethodDescription method,
            MethodVisitor visitor,
            Implementation.Context context,
            TypePool pool,
            int writerFlags,
            int readerFlags) {
        return new MethodVisitor(OpenedClassReader.ASM_API, visitor) {
            @Override
            public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
                if (opcode == Opcodes.INVOKEINTERFACE
                        && owner.equals("java/lang/Runnable")
                        && name.equals("run")
                        && descriptor.equals("()V")) {
                    super.visitMethodInsn(Opcodes.INVOKESTATIC, BRIDGE, "run", "(Ljava/lang/Runnable;)V", false);
                } else {
                    super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
                }
            }
        };
    }
}
